// Dela's four contracts in C. Each takes a JSON object as a C string and gives another:
// {"Accepted":"true","result":"..."}, or {"Accepted":"false","result":"what is wrong"}.
//
// increaseCounter {"counter": 4}                                       the counter plus one, in decimal digits
// simpleEC        {"scalar": "BASE64", "n": 1}                         sum of (scalar + i) B for i < n
// ed25519_mul     {"point1": "BASE64", "scalar": "BASE64", "n": 1}     scalar^n point1
// ed25519         {"point1": "BASE64", "point2": "BASE64", "n": 1}     point1 + n point2
//
// Points and scalars are 32 bytes; a scalar is less than 2^252, n at most 1,000,000 and 1 where it is not given.

#include "curve.h"
#include "host.h"

#define EXPORT __attribute__((visibility("default")))
#define DEPTH_MAX 32
#define COUNT_MAX 1000000

void complain(const char *text);

static const char *space(const char *at) {
  while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
  return at;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *digits_end(const char *at) {
  while (is_digit(*at)) at++;
  return at;
}

// The functions below return what follows the value at `at`, or 0 if there is no such value.

static const char *string_end(const char *at) {
  if (*at++ != '"') return 0;
  for (; *at != '"'; at++) {
    if ((unsigned char)*at < 0x20) return 0; // the end of the text, too
    if (*at != '\\') continue;
    at++;
    if (*at == 'u') {
      for (int i = 0; i < 4; i++) {
        at++;
        if (!is_digit(*at) && !((*at | 32) >= 'a' && (*at | 32) <= 'f')) return 0;
      }
    } else {
      const char *known = "\"\\/bfnrt";
      while (*known && *known != *at) known++;
      if (!*known) return 0;
    }
  }
  return at + 1;
}

static const char *number_end(const char *at) {
  if (*at == '-') at++;
  const char *end = digits_end(at);
  if (end == at || (*at == '0' && end > at + 1)) return 0;
  if (*end == '.') {
    at = end + 1;
    if ((end = digits_end(at)) == at) return 0;
  }
  if ((*end | 32) == 'e') {
    at = end + 1;
    if (*at == '+' || *at == '-') at++;
    if ((end = digits_end(at)) == at) return 0;
  }
  return end;
}

static const char *value_end(const char *at, int depth) {
  static const char *const words[] = {"true", "false", "null"};
  if (*at == '"') return string_end(at);
  for (int i = 0; i < 3; i++) {
    size_t length = 0;
    while (words[i][length] && at[length] == words[i][length]) length++;
    if (!words[i][length]) return at + length;
  }
  if (*at != '{' && *at != '[') return number_end(at);
  if (depth == DEPTH_MAX) return 0;
  char open = *at, close = (char)(open + 2);
  at = space(at + 1);
  if (*at == close) return at + 1;
  for (;;) {
    if (open == '{') {
      if (!(at = string_end(at))) return 0;
      at = space(at);
      if (*at++ != ':') return 0;
      at = space(at);
    }
    if (!(at = value_end(at, depth + 1))) return 0;
    at = space(at);
    if (*at == close) return at + 1;
    if (*at++ != ',') return 0;
    at = space(at);
  }
}

static bool is_object(const char *text) {
  text = space(text);
  const char *end = *text == '{' ? value_end(text, 0) : 0;
  return end && *space(end) == 0;
}

// The value of the last member `name` of a text that is an object; 0 if it has none.
static const char *member(const char *text, const char *name) {
  const char *found = 0, *at = space(space(text) + 1);
  while (*at == '"') {
    const char *end = string_end(at);
    size_t length = strlen(name);
    bool same = (size_t)(end - at) == length + 2 && memcmp(at + 1, name, length) == 0;
    at = space(space(end) + 1);
    if (same) found = at;
    at = space(value_end(at, 0));
    if (*at == ',') at = space(at + 1);
  }
  return found;
}

// A whole number of at most 18 digits.
static bool whole(int64_t *result, const char *text) {
  if (!text) return false;
  bool negative = *text == '-';
  if (negative) text++;
  const char *end = digits_end(text);
  if (end == text || end - text > 18 || *end == '.' || (*end | 32) == 'e') return false;
  *result = 0;
  for (; text < end; text++) *result = *result * 10 + (*text - '0');
  if (negative) *result = -*result;
  return true;
}

static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// 32 bytes in base 64: 43 digits, the last with two bits that are 0, and a padding.
static bool bytes32(uint8_t bytes[32], const char *text) {
  if (!text || *text++ != '"') return false;
  uint32_t group = 0;
  int at = 0;
  for (int i = 0; i < 43; i++) {
    int value = base64_value(text[i]);
    if (value < 0) return false;
    group = group << 6 | (uint32_t)value;
    if (i % 4 == 3) {
      for (int j = 2; j >= 0; j--) bytes[at++] = (uint8_t)(group >> (8 * j));
    }
  }
  bytes[30] = (uint8_t)(group >> 10);
  bytes[31] = (uint8_t)(group >> 2);
  return (group & 3) == 0 && text[43] == '=' && text[44] == '"';
}

static void to_base64(char text[45], const uint8_t bytes[32]) {
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 11; i++) {
    uint32_t group = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 | (i < 10 ? bytes[3 * i + 2] : 0);
    for (int j = 0; j < 4; j++) text[4 * i + j] = digit[group >> (18 - 6 * j) & 63];
  }
  text[43] = '=';
  text[44] = 0;
}

static char *reply(const char *accepted, const char *result) {
  const char *parts[] = {"{\"Accepted\":\"", accepted, "\",\"result\":\"", result, "\"}"};
  size_t length = 1;
  for (int i = 0; i < 5; i++) length += strlen(parts[i]);
  char *text = malloc(length), *end = text;
  if (!text) host_abort();
  for (int i = 0; i < 5; i++) {
    memcpy(end, parts[i], strlen(parts[i]));
    end += strlen(parts[i]);
  }
  *end = 0;
  return text;
}

static char *refused(const char *why) {
  complain(why);
  return reply("false", why);
}

static char *accepted(const point *p) {
  uint8_t bytes[32];
  char text[45];
  point_encode(bytes, p);
  to_base64(text, bytes);
  return reply("true", text);
}

// n of a request; false if it is no count.
static bool count(int64_t *n, const char *request) {
  const char *given = member(request, "n");
  *n = 1;
  return !given || (whole(n, given) && *n >= 1 && *n <= COUNT_MAX);
}

static bool scalar_of(uint8_t scalar[32], const char *request) {
  return bytes32(scalar, member(request, "scalar")) && scalar[31] < 0x10;
}

static bool point_of(point *p, const char *request, const char *name) {
  uint8_t bytes[32];
  return bytes32(bytes, member(request, name)) && point_decode(p, bytes);
}

#define MALFORMED "the request is not a JSON object"
#define BAD_COUNT "n is not a count from 1 to 1000000"
#define BAD_SCALAR "scalar is not a scalar in base 64"

EXPORT char *increaseCounter(const char *request) {
  int64_t counter;
  if (!is_object(request)) return refused(MALFORMED);
  if (!whole(&counter, member(request, "counter"))) return refused("counter is not a whole number");
  counter++;
  uint64_t rest = counter < 0 ? (uint64_t)-counter : (uint64_t)counter;
  char text[24], *start = text + sizeof text;
  *--start = 0;
  do {
    *--start = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (counter < 0) *--start = '-';
  return reply("true", start);
}

EXPORT char *simpleEC(const char *request) {
  uint8_t scalar[32];
  int64_t n;
  if (!is_object(request)) return refused(MALFORMED);
  if (!count(&n, request)) return refused(BAD_COUNT);
  if (!scalar_of(scalar, request)) return refused(BAD_SCALAR);
  base_table *table = malloc(sizeof *table);
  if (!table) host_abort();
  base_table_make(table);
  point sum, term;
  point_identity(&sum);
  for (int64_t i = 0; i < n; i++) {
    base_mul(&term, scalar, table);
    point_add(&sum, &sum, &term);
    for (int j = 0; j < 32 && ++scalar[j] == 0; j++) {}
  }
  free(table);
  return accepted(&sum);
}

EXPORT char *ed25519_mul(const char *request) {
  uint8_t scalar[32];
  int64_t n;
  point p;
  if (!is_object(request)) return refused(MALFORMED);
  if (!count(&n, request)) return refused(BAD_COUNT);
  if (!scalar_of(scalar, request)) return refused(BAD_SCALAR);
  if (!point_of(&p, request, "point1")) return refused("point1 is not a point in base 64");
  while (n--) point_mul(&p, scalar, &p);
  return accepted(&p);
}

EXPORT char *ed25519(const char *request) {
  int64_t n;
  point p, q;
  if (!is_object(request)) return refused(MALFORMED);
  if (!count(&n, request)) return refused(BAD_COUNT);
  if (!point_of(&p, request, "point1")) return refused("point1 is not a point in base 64");
  if (!point_of(&q, request, "point2")) return refused("point2 is not a point in base 64");
  while (n--) point_add(&p, &p, &q);
  return accepted(&p);
}
