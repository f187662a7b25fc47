/*
 * The provider at the far end: answers like a chat API, as fast as one core can.
 *
 *   upstream PORT [FILE...]      (0 = any free port; prints "listening PORT")
 *
 * Each FILE is how a provider of another dialect answers: a line with the beginning of the address, then a whole reply,
 * the head of a stream and the pieces of its body, each after a line with its length. All other addresses are OpenAI's.
 *
 * The request body decides the answer:
 *   "stream":true absent    one JSON completion of about 1 KB with the usual provider headers
 *   "stream":true, or "stream" in the address
 *                           a stream of 50 events of about 300 B (the 49th carries usage, the 50th is [DONE])
 *   pace-<ms> anywhere in the first 16 KB of the body: one event every <ms>; absent or 0: all at once
 *   tag-<n>   there too: when the peer closes this stream before its end, "closed <n> <CLOCK_MONOTONIC ns>" is printed
 *
 * Single thread, epoll, loopback only. Linux >= 5.11, glibc >= 2.35 (epoll_pwait2).
 */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 50, EVENTS_MAX = 64, SCRIPTS_MAX = 8, HEAD_MAX = 16384, PEEK_MAX = 16384, PACES = 16 };
enum phase { READING_HEAD, READING_BODY, STREAMING };

/* What one dialect's provider answers, ready to be sent. */
struct script {
  char address[64], *reply, *stream_head, *event_bytes[EVENTS_MAX];
  int reply_length, stream_head_length, event_length[EVENTS_MAX], events;
};

struct conn {
  int fd, sent, queued, dead, head_length, peek_length;
  enum phase phase;
  struct body body;
  long tag;            /* of the stream under way, 0 = none */
  int64_t due;         /* when the next event is to be sent, ns */
  struct conn *next;   /* in the queue of its pace */
  struct pace *pace;
  const struct script *script;
  char head[HEAD_MAX];
  char peek[PEEK_MAX + 1];
};

/* Streams of one pace are due in the order they started: a plain queue is a timer. */
struct pace {
  long ms;
  struct conn *first, *last;
};

static struct pace paces[PACES];
static struct script scripts[SCRIPTS_MAX]; /* the first is OpenAI's */
static int pace_count, script_count = 1, epoll_fd;
static char scratch[1 << 20];

static const char *provider_headers =
    "x-request-id: req_8f14e45fceea167a5a36dedd4bea2543\r\n"
    "openai-organization: org-abcdefghijkl\r\n"
    "openai-processing-ms: 312\r\n"
    "openai-version: 2020-10-01\r\n"
    "x-ratelimit-limit-requests: 10000\r\n"
    "x-ratelimit-limit-tokens: 2000000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\n"
    "x-ratelimit-remaining-tokens: 1999980\r\n"
    "x-ratelimit-reset-requests: 6ms\r\n"
    "x-ratelimit-reset-tokens: 0s\r\n"
    "server: upstream\r\n";

#define CHUNK_START                                                                            \
  "data: {\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":\"chat.completion.chunk\"," \
  "\"created\":1741570283,\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\","       \
  "\"system_fingerprint\":\"fp_fc9f1d7035\",\"choices\":"

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void prepare_answers(struct script *s) {
  s->reply = malloc(16384);
  s->stream_head = malloc(4096);
  s->events = EVENTS;
  const char *json =
      "{\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":\"chat.completion\",\"created\":1741570283,"
      "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
      "\"The image shows a wooden boardwalk path running through a lush green field or meadow. The sky is bright "
      "blue with some scattered clouds, giving the scene a serene and peaceful atmosphere. Trees and shrubs are "
      "visible in the background. The boardwalk invites the viewer to walk forward, and the light suggests a late "
      "summer afternoon with long soft shadows, a light wind over the tall grass, and very few people around.\","
      "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{"
      "\"prompt_tokens\":1117,\"completion_tokens\":46,\"total_tokens\":1163,\"prompt_tokens_details\":{"
      "\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,"
      "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}},"
      "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_fc9f1d7035\"}";
  s->reply_length = sprintf(s->reply, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n%s\r\n%s",
                         strlen(json), provider_headers, json);
  s->stream_head_length = sprintf(s->stream_head,
                               "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                               "transfer-encoding: chunked\r\ncache-control: no-cache\r\n%s\r\n",
                               provider_headers);
  for (int i = 0; i < EVENTS; i++) {
    char data[1024];
    int n;
    if (i == EVENTS - 1)
      n = sprintf(data, "data: [DONE]\n\n");
    else if (i == EVENTS - 2)
      n = sprintf(data, CHUNK_START "[],\"usage\":{\"prompt_tokens\":1117,\"completion_tokens\":48,\"total_tokens\":1165}}\n\n");
    else
      n = sprintf(data, CHUNK_START "[{\"index\":0,\"delta\":{%s\"content\":\" token%d\"},\"logprobs\":null,"
                                    "\"finish_reason\":%s}],\"usage\":null}\n\n",
                  i == 0 ? "\"role\":\"assistant\"," : "", i, i == EVENTS - 3 ? "\"stop\"" : "null");
    s->event_bytes[i] = malloc(sizeof data + 32);
    s->event_length[i] = sprintf(s->event_bytes[i], "%x\r\n%s\r\n%s", n, data, i == EVENTS - 1 ? "0\r\n\r\n" : "");
  }
}

/* The next thing of a file with its length before it, or NULL. */
static char *read_thing(FILE *file, int *length) {
  if (fscanf(file, "%d", length) != 1 || getc(file) != '\n') return NULL;
  char *bytes = malloc(*length);
  return fread(bytes, 1, *length, file) == (size_t)*length ? bytes : NULL;
}

/* Returns 0 for a file that is none of ours. */
static int load_script(const char *name) {
  FILE *file = fopen(name, "rb");
  if (!file || script_count == SCRIPTS_MAX) return 0;
  struct script *s = &scripts[script_count++];
  int named = fscanf(file, "%63[^\n]", s->address);
  getc(file);
  s->reply = read_thing(file, &s->reply_length);
  s->stream_head = read_thing(file, &s->stream_head_length);
  while (s->events < EVENTS_MAX && (s->event_bytes[s->events] = read_thing(file, &s->event_length[s->events]))) s->events++;
  fclose(file);
  return named == 1 && s->reply && s->stream_head && s->events > 0;
}

static void destroy(struct conn *c) {
  if (c->tag) {
    printf("closed %ld %lld\n", c->tag, (long long)now_ns());
    fflush(stdout);
  }
  c->tag = 0;
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  if (c->queued)
    c->dead = 1; /* freed when its turn in the queue comes */
  else
    free(c);
}

static int send_all(struct conn *c, const char *p, int n) {
  while (n) {
    int sent = send(c->fd, p, n, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) return -1;
      usleep(50);
      continue;
    }
    p += sent;
    n -= sent;
  }
  return 0;
}

static void await_request(struct conn *c) {
  c->phase = READING_HEAD;
  c->head_length = c->peek_length = 0;
  c->tag = 0;
}

static struct pace *pace_of(long ms) {
  for (int i = 0; i < pace_count; i++)
    if (paces[i].ms == ms) return &paces[i];
  if (pace_count == PACES) return &paces[0];
  paces[pace_count].ms = ms;
  return &paces[pace_count++];
}

static void enqueue(struct conn *c) {
  struct pace *p = c->pace;
  c->next = NULL;
  c->queued = 1;
  c->due += p->ms * 1000000;
  if (p->last) p->last->next = c;
  else p->first = c;
  p->last = c;
}

static int wants_stream(const char *body) {
  const char *p = strstr(body, "\"stream\"");
  if (!p) return 0;
  p += 8;
  p += strspn(p, " \t\r\n:");
  return !strncmp(p, "true", 4);
}

static const struct script *script_of(const char *head) {
  const char *address = strchr(head, ' ');
  for (int i = 1; address && i < script_count; i++)
    if (!strncmp(address + 1, scripts[i].address, strlen(scripts[i].address))) return &scripts[i];
  return &scripts[0];
}

/* Some say it in the address: "/converse-stream", ":streamGenerateContent". */
static int address_wants_stream(const char *head) {
  const char *word = strstr(head, "stream"), *end = strstr(head, "\r\n");
  return word && end && word < end;
}

static void answer(struct conn *c) {
  const struct script *s = c->script = script_of(c->head);
  c->peek[c->peek_length] = 0;
  if (!wants_stream(c->peek) && !address_wants_stream(c->head)) {
    await_request(c);
    send_all(c, s->reply, s->reply_length);
    return;
  }
  const char *p = strstr(c->peek, "pace-");
  long ms = p ? atol(p + 5) : 0;
  if (ms == 0) {
    send_all(c, s->stream_head, s->stream_head_length);
    for (int i = 0; i < s->events; i++) send_all(c, s->event_bytes[i], s->event_length[i]);
    await_request(c);
    return;
  }
  char start[8192]; /* head and first event in one packet */
  memcpy(start, s->stream_head, s->stream_head_length);
  memcpy(start + s->stream_head_length, s->event_bytes[0], s->event_length[0]);
  send_all(c, start, s->stream_head_length + s->event_length[0]);
  const char *tag = strstr(c->peek, "tag-");
  c->tag = tag ? atol(tag + 4) : 0;
  c->sent = 1;
  c->phase = STREAMING;
  c->due = now_ns();
  c->pace = pace_of(ms);
  enqueue(c);
}

static void receive(struct conn *c, const char *p, long n) {
  while (n > 0) {
    if (c->phase == READING_HEAD) {
      int before = c->head_length, room = HEAD_MAX - 1 - before, take = n < room ? n : room;
      if (take == 0) return destroy(c); /* headers too long */
      memcpy(c->head + before, p, take);
      c->head_length += take;
      int from = before > 3 ? before - 3 : 0;
      char *end = memmem(c->head + from, c->head_length - from, "\r\n\r\n", 4);
      if (!end) {
        p += take;
        n -= take;
        continue;
      }
      int used = end + 4 - c->head - before;
      p += used;
      n -= used;
      *end = 0;
      if (body_begin(&c->body, c->head)) answer(c);
      else c->phase = READING_BODY;
    } else if (c->phase == READING_BODY) {
      int done;
      long used = body_feed(&c->body, p, n, &done);
      long keep = used < PEEK_MAX - c->peek_length ? used : PEEK_MAX - c->peek_length;
      memcpy(c->peek + c->peek_length, p, keep);
      c->peek_length += keep;
      p += used;
      n -= used;
      if (done) answer(c);
    } else {
      return; /* nothing is expected while a stream runs */
    }
  }
}

/* Sends what is due; returns when the next event is due, or -1. */
static int64_t send_due_events(void) {
  int64_t t = now_ns(), next = -1;
  for (int i = 0; i < pace_count; i++) {
    struct pace *p = &paces[i];
    while (p->first && p->first->due <= t) {
      struct conn *c = p->first;
      p->first = c->next;
      if (!p->first) p->last = NULL;
      c->queued = 0;
      if (c->dead) free(c);
      else if (send_all(c, c->script->event_bytes[c->sent], c->script->event_length[c->sent]) < 0) destroy(c);
      else if (++c->sent == c->script->events) await_request(c);
      else enqueue(c);
    }
    if (p->first && (next < 0 || p->first->due < next)) next = p->first->due;
  }
  return next;
}

static void accept_all(int listener) {
  for (;;) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *c = malloc(sizeof *c);
    memset(c, 0, offsetof(struct conn, head)); /* the buffers stay untouched, so they cost no memory */
    c->fd = fd;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
  }
}

int main(int argc, char **argv) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  prepare_answers(&scripts[0]);
  for (int i = 2; i < argc; i++)
    if (!load_script(argv[i])) {
      fprintf(stderr, "upstream: cannot read %s\n", argv[i]);
      return 1;
    }
  epoll_fd = epoll_create1(0);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, (void *)&address, size) || listen(listener, 4096) || getsockname(listener, (void *)&address, &size)) {
    perror("upstream");
    return 1;
  }
  struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &ev);
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (;;) {
    int64_t next = send_due_events(), wait = next < 0 ? 0 : next - now_ns();
    if (wait < 0) wait = 0;
    struct timespec timeout = {wait / 1000000000, wait % 1000000000};
    struct epoll_event ready[256];
    int n = epoll_pwait2(epoll_fd, ready, 256, next < 0 ? NULL : &timeout, NULL);
    for (int i = 0; i < n; i++) {
      struct conn *c = ready[i].data.ptr;
      if (!c) {
        accept_all(listener);
        continue;
      }
      int got = recv(c->fd, scratch, sizeof scratch, 0);
      if (got > 0) receive(c, scratch, got);
      else if (got == 0 || errno != EAGAIN) destroy(c);
    }
  }
}
