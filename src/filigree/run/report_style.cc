#include "filigree/run/report_style.h"

namespace filigree::run {

// The eight colours of series keep apart in lightness as well as in hue, for the colour-blind and for grey
// prints.
const char* const kReportStyle = R"css(
:root { color-scheme: light dark;
  --page: #fcfcfb; --card: #ffffff; --ink: #1d2126; --muted: #626a73; --line: #e4e5e3; --grid: #ececea; --axis: #9aa1a8;
  --ground: #f0f1ef; --cell: #1f4e9c;
  --s0: #1f5fc4; --s1: #d9570d; --s2: #0f8a6d; --s3: #9046b8; --s4: #a87900; --s5: #cf3a6e; --s6: #55606b; --s7: #1593b8; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171a; --card: #1b1f23; --ink: #e4e7ea; --muted: #98a1aa; --line: #2d3338; --grid: #262b30; --axis: #626b74;
  --ground: #22272c; --cell: #86b3ff;
  --s0: #76a9ff; --s1: #ff9557; --s2: #4ccaa6; --s3: #c795ee; --s4: #e0b440; --s5: #f5809f; --s6: #a9b3bd; --s7: #5cc9e8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 58rem; margin: 0 auto; padding: 4rem 1.5rem 5rem; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; }
.subtitle { max-width: none; margin: .5rem 0 0; color: var(--muted); }
h2 { margin: 3.25rem 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--line);
  font-size: 1.25rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.01em; }
p { max-width: 42rem; margin: .75rem 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 2rem 0; }
.facts div { padding: .8rem 1rem .9rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
dt { color: var(--muted); font-size: .8125rem; line-height: 1.4; }
dd { margin: .15rem 0 0; font-size: 1.25rem; line-height: 1.35; font-weight: 600; letter-spacing: -0.01em;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: 1.25rem 0; }
table { border-collapse: collapse; font-size: .9rem; line-height: 1.45; font-variant-numeric: tabular-nums; }
th { padding: .4rem 1.75rem .4rem 0; border-bottom: 1px solid var(--axis); color: var(--muted); font-weight: 500;
  text-align: left; vertical-align: bottom; }
td { padding: .4rem 1.75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th.number, td.number { text-align: right; white-space: nowrap; }
figure { margin: 1.75rem 0; }
figcaption { max-width: 42rem; margin-top: .5rem; color: var(--muted); font-size: .875rem; line-height: 1.5; }
.scroll { overflow-x: auto; padding: 1.25rem 1.25rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1.5rem 1.25rem; margin: 1.5rem 0;
  align-items: end; }
.gallery figure { margin: 0; }
.gallery figcaption { margin-top: .4rem; font-size: .8125rem; line-height: 1.4; }
pre { overflow-x: auto; margin: 1.25rem 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; font: .8125rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
footer { margin-top: 4rem; color: var(--muted); font-size: .8125rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font-family: inherit; fill: var(--ink); }
.chart { min-width: 34rem; overflow: visible; }
.chart .title { font-size: 15px; font-weight: 650; }
.chart .legend { font-size: 12px; }
.chart .tick { font-size: 11.5px; fill: var(--muted); font-variant-numeric: tabular-nums; }
.chart .label { font-size: 12px; fill: var(--muted); }
.chart .end { text-anchor: end; }
.chart .middle { text-anchor: middle; }
.chart path { fill: none; }
.grid { stroke: var(--grid); }
.axis { stroke: var(--axis); }
.series { stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.fine-line { stroke-width: 1; stroke-opacity: .6; }
.dots { stroke-width: 5; }
.dashed { stroke-dasharray: 5 4; }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); } .s3 { stroke: var(--s3); }
.s4 { stroke: var(--s4); } .s5 { stroke: var(--s5); } .s6 { stroke: var(--s6); } .s7 { stroke: var(--s7); }
.bitmap { max-height: 16rem; shape-rendering: crispEdges; }
.ground { fill: var(--ground); }
.cells { fill: none; stroke: var(--cell); stroke-width: 1; }
.bitmap.fine { max-height: 30rem; }
@media (min-width: 40rem) { .gallery figure:has(.fine) { grid-column: span 2; } }
@media (max-width: 40rem) { main { padding: 2rem 1rem 3rem; } h1 { font-size: 1.6rem; } }
@media print { body { background: none; } main { max-width: none; padding: 0; } figure, .facts div { break-inside: avoid; } }
)css";

}  // namespace filigree::run
