// A small reader of XML for tests of pictures and reports: what browsers forgive it does not.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::run {

struct XmlElement {
  std::string name;
  std::map<std::string, std::string> attributes;  // as they stand in the text
  std::string text;                               // in front of the first child
};

// All elements in the order of their start tags. Throws std::runtime_error where the text is not well-formed.
inline std::vector<XmlElement> parse_xml(std::string_view xml) {
  std::vector<XmlElement> elements;
  std::vector<std::string> open;
  const auto check = [&](bool fine, const char* what) {
    if (!fine) throw std::runtime_error(std::string(what) + " before: " + std::string(xml.substr(0, 60)));
  };
  const auto take_until = [&](std::string_view stop) {
    const std::size_t end = xml.find_first_of(stop);
    check(end != std::string_view::npos, "unexpected end");
    const std::string_view taken = xml.substr(0, end);
    xml.remove_prefix(end);
    return std::string(taken);
  };
  if (xml.starts_with("<!DOCTYPE html>")) xml.remove_prefix(std::string_view("<!DOCTYPE html>").size());
  while (!xml.empty()) {
    if (xml[0] != '<') {
      const std::string text = std::string(xml.substr(0, xml.find('<')));
      xml.remove_prefix(text.size());
      check(!open.empty() || text.find_first_not_of(" \n") == std::string::npos, "text outside");
      for (std::size_t at = 0; (at = text.find('&', at)) != std::string::npos; ++at) {
        check(text.find(';', at) != std::string::npos && text.find(';', at) - at <= 6, "a bare &");
      }
      if (!elements.empty() && elements.back().text.empty()) elements.back().text = text;
      continue;
    }
    xml.remove_prefix(1);
    if (xml[0] == '/') {
      xml.remove_prefix(1);
      const std::string name = take_until(">");
      check(!open.empty() && open.back() == name, "a tag that closes another");
      open.pop_back();
      xml.remove_prefix(1);
      continue;
    }
    XmlElement element;
    element.name = take_until(" />");
    while (xml[0] == ' ') {
      xml.remove_prefix(1);
      const std::string name = take_until("=");
      xml.remove_prefix(1);
      check(xml[0] == '"', "an attribute without quotes");
      xml.remove_prefix(1);
      const std::string value = take_until("\"");
      check(value.find('<') == std::string::npos, "< in an attribute");
      check(element.attributes.emplace(name, value).second, "an attribute twice");
      xml.remove_prefix(1);
    }
    if (xml.starts_with("/>")) {
      xml.remove_prefix(2);
    } else {
      check(xml[0] == '>', "a malformed tag");
      xml.remove_prefix(1);
      open.push_back(element.name);
    }
    elements.push_back(std::move(element));
  }
  check(open.empty(), "a tag left open");
  return elements;
}

}  // namespace filigree::run
