// The C library that the contract needs, over the imports of emscripten's output.

#include "host.h"

// Beyond this emscripten's memcpy leaves copying to the host.
#define COPIED_HERE_MAX 512

// A block of the heap: its length, and in a free block the next free one.
typedef struct block {
  size_t bytes;
  struct block *next;
} block;

#define HEADER 16

extern unsigned char __heap_base;
static uintptr_t heap_end;
static block *free_blocks;
static uint32_t seed;

// What emscripten's start and json-c do before the first call: they ask for the environment, for a source of random
// numbers, and for the time where there is none.
__attribute__((constructor)) static void start(void) {
  uint32_t count = 0, bytes = 0;
  assert(host_environ_sizes_get(&count, &bytes) == 0);
  if (count != 0) {
    char **pointers = malloc((count + 1) * sizeof(char *));
    char *texts = malloc(bytes);
    assert(host_environ_get(pointers, texts) == 0);
    free(texts);
    free(pointers);
  }
  unsigned char status[144];
  if (host_stat64("/dev/urandom", status) < 0) {
    seed = (uint32_t)host_time(0);
  } else {
    int32_t file = host_open("/dev/urandom", 0, 0);
    struct { void *start; uint32_t bytes; } part = {&seed, sizeof seed};
    uint32_t read = 0, position[2];
    assert(file >= 0 && host_fd_seek(file, 0, 0, 0, position) == 0 && host_fd_read(file, &part, 1, &read) == 0);
    host_fd_close(file);
  }
  host_set_temp_ret(0);
}

// The seed of hash tables: nothing that the contract gives depends on it.
uint32_t hash_seed(void) { return seed; }

// Writes a line to the second output.
void complain(const char *text) {
  struct { const char *start; uint32_t bytes; } part = {text, strlen(text)};
  uint32_t written = 0;
  host_fd_write(2, &part, 1, &written);
}

void *malloc(size_t bytes) {
  if (bytes > 0x7fffff00) return 0;
  bytes = (bytes + 15) & ~(size_t)15;
  for (block **place = &free_blocks; *place; place = &(*place)->next) {
    block *found = *place;
    if (found->bytes >= bytes) {
      *place = found->next;
      return (unsigned char *)found + HEADER;
    }
  }
  if (heap_end == 0) heap_end = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  uintptr_t end = heap_end + HEADER + bytes;
  if (end > (uintptr_t)__builtin_wasm_memory_size(0) * 65536 && !host_resize_heap((uint32_t)end)) return 0;
  block *made = (block *)heap_end;
  made->bytes = bytes;
  heap_end = end;
  return (unsigned char *)made + HEADER;
}

void free(void *pointer) {
  if (!pointer) return;
  block *freed = (block *)((unsigned char *)pointer - HEADER);
  freed->next = free_blocks;
  free_blocks = freed;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  if (bytes >= COPIED_HERE_MAX) {
    host_memcpy_big(to, from, bytes);
    return to;
  }
  unsigned char *target = to;
  const unsigned char *source = from;
  while (bytes--) *target++ = *source++;
  return to;
}

void *memset(void *to, int byte, size_t bytes) {
  unsigned char *target = to;
  while (bytes--) *target++ = (unsigned char)byte;
  return to;
}

size_t strlen(const char *text) {
  const char *end = text;
  while (*end) end++;
  return (size_t)(end - text);
}

int memcmp(const void *left, const void *right, size_t bytes) {
  const unsigned char *a = left, *b = right;
  for (; bytes; bytes--, a++, b++) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}
