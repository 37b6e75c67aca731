#include "filigree/dense/onednn_matmul.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <type_traits>

#include "filigree/base/error.h"
#include "filigree/base/parallel.h"

namespace filigree::dense {
namespace {

// oneDNN's C interface, version 2, as far as it is used here. Functions return 0 where all is well. Its
// descriptors are plain structs that it fills in itself: memory of enough size serves.
struct Descriptor {
  alignas(std::max_align_t) std::array<std::byte, 8192> content;
};
struct Version {
  int major;
  int minor;
  int patch;
};
struct Argument {
  int name;
  void* memory;
};
constexpr int kCpu = 1;
constexpr int kBFloat16 = 2;
constexpr int kFloat32 = 3;
constexpr int kDefaultStream = 1;
constexpr int kSource = 1;
constexpr int kWeights = 33;
constexpr int kDestination = 17;

struct Library {
  const Version* (*version)() = nullptr;
  int (*engine_create)(void**, int, std::size_t) = nullptr;
  int (*stream_create)(void**, void*, unsigned) = nullptr;
  int (*stream_wait)(void*) = nullptr;
  int (*memory_desc_init_by_strides)(Descriptor*, int, const std::int64_t*, int,
                                     const std::int64_t*) = nullptr;
  int (*matmul_desc_init)(Descriptor*, const Descriptor*, const Descriptor*, const Descriptor*,
                          const Descriptor*) = nullptr;
  int (*primitive_desc_create)(void**, const Descriptor*, const void*, void*, const void*) = nullptr;
  int (*primitive_desc_destroy)(void*) = nullptr;
  int (*primitive_create)(void**, const void*) = nullptr;
  int (*primitive_execute)(const void*, void*, int, const Argument*) = nullptr;
  int (*primitive_destroy)(void*) = nullptr;
  int (*attr_create)(void**) = nullptr;
  int (*attr_destroy)(void*) = nullptr;
  int (*attr_set_output_scales)(void*, std::int64_t, int, const float*) = nullptr;
  int (*attr_set_post_ops)(void*, const void*) = nullptr;
  int (*post_ops_create)(void**) = nullptr;
  int (*post_ops_destroy)(void*) = nullptr;
  int (*post_ops_append_sum)(void*, float) = nullptr;
  int (*memory_create)(void**, const Descriptor*, void*, void*) = nullptr;
  int (*memory_destroy)(void*) = nullptr;

  void* engine = nullptr;
  void* stream = nullptr;
  bool usable = false;

  Library() {
    void* handle = ::dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return;
    bool all = true;
    const auto load = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
      all = all && function != nullptr;
    };
    load(version, "dnnl_version");
    load(engine_create, "dnnl_engine_create");
    load(stream_create, "dnnl_stream_create");
    load(stream_wait, "dnnl_stream_wait");
    load(memory_desc_init_by_strides, "dnnl_memory_desc_init_by_strides");
    load(matmul_desc_init, "dnnl_matmul_desc_init");
    load(primitive_desc_create, "dnnl_primitive_desc_create");
    load(primitive_desc_destroy, "dnnl_primitive_desc_destroy");
    load(primitive_create, "dnnl_primitive_create");
    load(primitive_execute, "dnnl_primitive_execute");
    load(primitive_destroy, "dnnl_primitive_destroy");
    load(attr_create, "dnnl_primitive_attr_create");
    load(attr_destroy, "dnnl_primitive_attr_destroy");
    load(attr_set_output_scales, "dnnl_primitive_attr_set_output_scales");
    load(attr_set_post_ops, "dnnl_primitive_attr_set_post_ops");
    load(post_ops_create, "dnnl_post_ops_create");
    load(post_ops_destroy, "dnnl_post_ops_destroy");
    load(post_ops_append_sum, "dnnl_post_ops_append_sum");
    load(memory_create, "dnnl_memory_create");
    load(memory_destroy, "dnnl_memory_destroy");
    if (!all || version()->major != 2) return;
    usable = engine_create(&engine, kCpu, 0) == 0 && stream_create(&stream, engine, kDefaultStream) == 0;
  }
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

bool describe(const Library& dnnl, std::int64_t rows, std::int64_t columns, std::int64_t row_stride,
              std::int64_t column_stride, Descriptor& descriptor, int type = kBFloat16) {
  const std::int64_t sizes[] = {rows, columns};
  const std::int64_t strides[] = {row_stride, column_stride};
  return dnnl.memory_desc_init_by_strides(&descriptor, 2, sizes, type, strides) == 0;
}

struct Shape {
  std::array<std::int64_t, 8> sizes;  // m, n, k, both transpositions, and the strides of a, b, c
  int result = kBFloat16;
  float alpha = 1;
  bool accumulate = false;
  int threads = 1;  // what oneDNN prepares is for a number of them as well

  friend bool operator==(const Shape&, const Shape&) = default;
};

// What a product does beside multiplying; nullptr where it is nothing, or where the library refuses.
class Attributes {
 public:
  explicit Attributes(const Shape& shape) {
    const Library& dnnl = library();
    if (shape.alpha == 1 && !shape.accumulate) return;
    sound_ = dnnl.attr_create(&attributes_) == 0 && dnnl.post_ops_create(&post_ops_) == 0 &&
             dnnl.attr_set_output_scales(attributes_, 1, 0, &shape.alpha) == 0 &&
             (!shape.accumulate || dnnl.post_ops_append_sum(post_ops_, 1) == 0) &&
             dnnl.attr_set_post_ops(attributes_, post_ops_) == 0;
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() {
    if (post_ops_ != nullptr) library().post_ops_destroy(post_ops_);
    if (attributes_ != nullptr) library().attr_destroy(attributes_);
  }
  bool sound() const { return sound_; }
  const void* get() const { return attributes_; }

 private:
  void* attributes_ = nullptr;
  void* post_ops_ = nullptr;
  bool sound_ = true;
};

// A product prepared for a shape; nullptr where the library refuses.
struct Prepared {
  Shape shape{};
  Descriptor a;
  Descriptor b;
  Descriptor c;
  void* primitive = nullptr;

  Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() {
    if (primitive != nullptr) library().primitive_destroy(primitive);
  }
};

std::unique_ptr<Prepared> prepare(const Shape& shape) {
  const Library& dnnl = library();
  if (!dnnl.usable) return nullptr;
  auto prepared = std::make_unique<Prepared>();
  prepared->shape = shape;
  const auto [m, n, k, swap_a, swap_b, a_stride, b_stride, c_stride] = shape.sizes;
  const Attributes attributes(shape);
  if (!attributes.sound()) return nullptr;
  auto operation = std::make_unique<Descriptor>();
  if (!describe(dnnl, m, k, swap_a != 0 ? 1 : a_stride, swap_a != 0 ? a_stride : 1, prepared->a) ||
      !describe(dnnl, k, n, swap_b != 0 ? 1 : b_stride, swap_b != 0 ? b_stride : 1, prepared->b) ||
      !describe(dnnl, m, n, c_stride, 1, prepared->c, shape.result) ||
      dnnl.matmul_desc_init(operation.get(), &prepared->a, &prepared->b, nullptr, &prepared->c) != 0) {
    return nullptr;
  }
  void* description = nullptr;
  if (dnnl.primitive_desc_create(&description, operation.get(), attributes.get(), dnnl.engine, nullptr) !=
      0) {
    return nullptr;
  }
  const bool created = dnnl.primitive_create(&prepared->primitive, description) == 0;
  dnnl.primitive_desc_destroy(description);
  return created ? std::move(prepared) : nullptr;
}

class Memory {
 public:
  Memory(const Descriptor& descriptor, const void* data) {
    // oneDNN takes what it only reads by a pointer to mutable data too.
    if (library().memory_create(&memory_, &descriptor, library().engine, const_cast<void*>(data)) != 0) {
      memory_ = nullptr;
    }
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    if (memory_ != nullptr) library().memory_destroy(memory_);
  }
  void* get() const { return memory_; }

 private:
  void* memory_ = nullptr;
};

// The last ones that were asked for, the newest first.
Prepared* prepared_for(const Shape& shape) {
  constexpr std::size_t kMost = 48;
  static std::list<std::unique_ptr<Prepared>> kept;
  const auto found =
      std::find_if(kept.begin(), kept.end(), [&](const auto& each) { return each->shape == shape; });
  if (found != kept.end()) {
    kept.splice(kept.begin(), kept, found);
    return kept.front().get();
  }
  std::unique_ptr<Prepared> made = prepare(shape);
  if (made == nullptr) return nullptr;
  kept.push_front(std::move(made));
  if (kept.size() > kMost) kept.pop_back();
  return kept.front().get();
}

template <typename T>
void multiply(Transpose transpose_a, Transpose transpose_b, MatrixView<const BFloat16> a,
              MatrixView<const BFloat16> b, MatrixView<T> c, Shape shape) {
  const bool swap_a = transpose_a == Transpose::kYes;
  const bool swap_b = transpose_b == Transpose::kYes;
  const std::int64_t inner = swap_a ? a.rows : a.columns;
  shape.sizes = {c.rows, c.columns, inner, swap_a ? 1 : 0, swap_b ? 1 : 0, a.stride, b.stride, c.stride};
  shape.threads = thread_count();
  const std::int64_t b_inner = swap_b ? b.columns : b.rows;
  const std::int64_t a_rows = swap_a ? a.columns : a.rows;
  const std::int64_t b_columns = swap_b ? b.rows : b.columns;
  if (a_rows != c.rows || b_columns != c.columns || b_inner != inner) {
    fail_usage("onednn_matmul: {} x {} times {} x {} does not give {} x {}", a_rows, inner, b_inner,
               b_columns, c.rows, c.columns);
  }
  // What is kept, and what oneDNN works in, is one for all.
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  Prepared* const prepared = prepared_for(shape);
  if (prepared == nullptr) fail("oneDNN refuses a BF16 product of {} x {}", c.rows, c.columns);
  const Memory a_memory(prepared->a, a.data);
  const Memory b_memory(prepared->b, b.data);
  const Memory c_memory(prepared->c, c.data);
  const Argument arguments[] = {
      {kSource, a_memory.get()}, {kWeights, b_memory.get()}, {kDestination, c_memory.get()}};
  if (library().primitive_execute(prepared->primitive, library().stream, 3, arguments) != 0 ||
      library().stream_wait(library().stream) != 0) {
    fail("oneDNN failed in a BF16 product of {} x {}", c.rows, c.columns);
  }
}

}  // namespace

bool has_onednn_matmul() {
  static const bool has = prepare({.sizes = {16, 16, 16, 0, 0, 16, 16, 16}}) != nullptr;
  return has;
}

void onednn_matmul(Transpose transpose_a, Transpose transpose_b, MatrixView<const BFloat16> a,
                   MatrixView<const BFloat16> b, MatrixView<BFloat16> c) {
  multiply(transpose_a, transpose_b, a, b, c, {.sizes = {}, .result = kBFloat16});
}

void onednn_matmul(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const BFloat16> a,
                   MatrixView<const BFloat16> b, bool accumulate, MatrixView<float> c) {
  multiply(transpose_a, transpose_b, a, b, c,
           {.sizes = {}, .result = kFloat32, .alpha = alpha, .accumulate = accumulate});
}

}  // namespace filigree::dense
