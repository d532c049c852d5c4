// A SUAVE program: reads an entry of the confidential store through module suavexec and writes it to standard output.
//
// Standard input: the bid's id, 16 bytes, and the entry's key behind it.
// An error of the host is a line on standard error, and exit code 1: the frame reverts.

#include <stdint.h>
#include <unistd.h>

#define BID_BYTES 16
#define KEY_BYTES_MAX 256
#define VALUE_BYTES_MAX 1024

__attribute__((import_module("suavexec"), import_name("retrieve")))
int32_t suavexec_retrieve(const char *key, uint32_t key_length, const uint8_t *bid, uint32_t bid_length,
                          uint8_t *value, uint32_t value_capacity, uint32_t *value_length);

static int fail(const char *message, size_t length) {
    write(STDERR_FILENO, message, length);
    return 1;
}

#define FAIL(message) fail(message "\n", sizeof(message "\n") - 1)

int main(void) {
    static uint8_t input[BID_BYTES + KEY_BYTES_MAX];
    static uint8_t value[VALUE_BYTES_MAX];
    ssize_t length = read(STDIN_FILENO, input, sizeof input);
    if (length < BID_BYTES) {
        return FAIL("the input is shorter than a bid's id");
    }
    uint32_t value_length = 0;
    int32_t error = suavexec_retrieve((const char *)input + BID_BYTES, length - BID_BYTES, input, BID_BYTES,
                                      value, sizeof value, &value_length);
    if (error != 0) {
        return FAIL("the entry cannot be retrieved");
    }
    return write(STDOUT_FILENO, value, value_length) == (ssize_t)value_length ? 0 : FAIL("the output cannot be written");
}
