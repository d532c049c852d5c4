// What emscripten's output imports where it is built without its JavaScript: declared by hand, so that clang alone builds
// a module with the same imports.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

IMPORT("env", "__assert_fail") _Noreturn void host_assert_fail(const char *what, const char *file, int line, const char *function);
IMPORT("env", "abort") _Noreturn void host_abort(void);
IMPORT("env", "time") int32_t host_time(int32_t *result);
IMPORT("env", "__sys_stat64") int32_t host_stat64(const char *path, void *result);
IMPORT("env", "__sys_open") int32_t host_open(const char *path, int32_t flags, const void *arguments);
IMPORT("env", "emscripten_resize_heap") int32_t host_resize_heap(uint32_t bytes);
IMPORT("env", "emscripten_memcpy_big") void *host_memcpy_big(void *to, const void *from, uint32_t bytes);
IMPORT("env", "setTempRet0") void host_set_temp_ret(int32_t value);
IMPORT("wasi_snapshot_preview1", "environ_sizes_get") int32_t host_environ_sizes_get(uint32_t *count, uint32_t *bytes);
IMPORT("wasi_snapshot_preview1", "environ_get") int32_t host_environ_get(char **pointers, char *bytes);
IMPORT("wasi_snapshot_preview1", "fd_read") int32_t host_fd_read(int32_t fd, const void *parts, int32_t count, uint32_t *read);
IMPORT("wasi_snapshot_preview1", "fd_write") int32_t host_fd_write(int32_t fd, const void *parts, int32_t count, uint32_t *written);
IMPORT("wasi_snapshot_preview1", "fd_close") int32_t host_fd_close(int32_t fd);
// emscripten hands the 64-bit offset over in two halves.
IMPORT("wasi_snapshot_preview1", "fd_seek") int32_t host_fd_seek(int32_t fd, int32_t low, int32_t high, int32_t whence, void *result);

#define assert(condition) ((condition) ? (void)0 : host_assert_fail(#condition, __FILE__, __LINE__, __func__))

void *malloc(size_t bytes);
void free(void *pointer);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
size_t strlen(const char *text);
int memcmp(const void *left, const void *right, size_t bytes);
