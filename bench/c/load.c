/*
 * The clients: keep-alive connections that send one request over and over.
 *
 *   load -p PORT -f BODY [-c CONNECTIONS] [-w WARM_SECONDS] [-d SECONDS] [-r RATE] [-H "name: value"]...
 *        [-u PATH] [-P PID,PID...] [-A] [-D SECONDS] [-S] [-G]
 *
 * Without -r: closed loop, every connection always has one request under way (saturation).
 * With -r:    open loop, RATE requests per second are due at fixed times, and latency counts from the time
 *             a request was due, not from when it was sent. A slow server cannot hide its queue.
 * -P: the CPU time (all threads, by the process CPU clocks) and memory of these processes are reported.
 * -A: the window opens once every connection has a reply under way (at the latest after WARM_SECONDS).
 * -D: afterwards wait this long for the replies still under way, so that the next window finds idle processes.
 * -G: GET without a body instead of a POST.
 * -S: all latencies are printed too, to be pooled over several windows.
 *
 * Prints one line of JSON; times in microseconds. Single thread, epoll, loopback only.
 */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, PIDS_MAX = 256, SAMPLES_MAX = 2000000 };

struct conn {
  int fd, busy, is_idle, in_body, has_first_byte, status, head_length;
  long written;
  int64_t due;           /* when this request should have been sent, ns */
  struct body body;
  char head[HEAD_MAX];
};

static struct conn *conns;
static int *idle, idle_count, conn_count = 64, port = 8080, epoll_fd;
static char *request, buffer[1 << 20];
static long request_length;
static double rate;
static int measuring, stopping;
static double *latency, *first_byte;
static long latency_count, first_byte_count, finished, errors, not_200, events, open_streams;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t cpu_ns(pid_t pid) {
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return 0;
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long rss_kb(pid_t pid) {
  char path[64];
  long total = 0, resident = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *f = fopen(path, "r");
  if (!f) return 0;
  if (fscanf(f, "%ld %ld", &total, &resident) != 2) resident = 0;
  fclose(f);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void open_connection(int i) {
  struct conn *c = &conns[i];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connect(c->fd, (void *)&address, sizeof address);
  struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = i};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev);
}

static void make_idle(int i) {
  if (conns[i].is_idle) return;
  conns[i].is_idle = 1;
  idle[idle_count++] = i;
}

static void write_request(struct conn *c) {
  while (c->written < request_length) {
    int n = send(c->fd, request + c->written, request_length - c->written, MSG_NOSIGNAL);
    if (n <= 0) return;
    c->written += n;
  }
}

static void start_request(int i, int64_t due) {
  struct conn *c = &conns[i];
  c->busy = 1;
  c->is_idle = 0;
  c->due = due;
  c->written = c->head_length = c->in_body = c->has_first_byte = c->status = 0;
  write_request(c);
}

static void finish_request(int i) {
  struct conn *c = &conns[i];
  int64_t t = now_ns();
  c->busy = 0;
  if (c->has_first_byte) open_streams--;
  finished++;
  if (c->status != 200) not_200++;
  if (measuring && latency_count < SAMPLES_MAX) latency[latency_count++] = (t - c->due) / 1e3;
  if (rate == 0 && !stopping) start_request(i, t);
  else make_idle(i);
}

static void connection_lost(int i) {
  struct conn *c = &conns[i];
  int was_busy = c->busy;
  close(c->fd);
  c->busy = 0;
  if (was_busy) {
    errors++;
    if (c->has_first_byte) open_streams--;
  }
  open_connection(i);
  if (rate == 0 && !stopping) start_request(i, now_ns());
  else make_idle(i);
}

static void count_events(const char *p, long n) {
  const char *end = p + n;
  while ((p = memmem(p, end - p, "data: ", 6))) {
    events++;
    p += 6;
  }
}

static void read_reply(int i) {
  struct conn *c = &conns[i];
  for (;;) {
    int got = recv(c->fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return connection_lost(i);
    if (!c->busy) continue;
    char *p = buffer;
    long n = got;
    if (!c->in_body) {
      int before = c->head_length, room = HEAD_MAX - 1 - before, take = n < room ? n : room;
      memcpy(c->head + before, p, take);
      c->head_length += take;
      int from = before > 3 ? before - 3 : 0;
      char *end = memmem(c->head + from, c->head_length - from, "\r\n\r\n", 4);
      if (!end) {
        if (take == room) return connection_lost(i);
        continue;
      }
      int used = end + 4 - c->head - before;
      p += used;
      n -= used;
      *end = 0;
      c->status = atoi(c->head + 9);
      c->in_body = 1;
      if (body_begin(&c->body, c->head)) {
        finish_request(i);
        continue;
      }
    }
    if (n == 0) continue;
    if (!c->has_first_byte) {
      c->has_first_byte = 1;
      open_streams++;
      if (measuring && first_byte_count < SAMPLES_MAX) first_byte[first_byte_count++] = (now_ns() - c->due) / 1e3;
    }
    count_events(p, n);
    int done;
    body_feed(&c->body, p, n, &done);
    if (done) finish_request(i);
  }
}

/* Handles what the sockets report within `wait` nanoseconds. */
static void poll_sockets(int64_t wait) {
  if (wait < 0) wait = 0;
  struct timespec timeout = {wait / 1000000000, wait % 1000000000};
  struct epoll_event ready[512];
  int n = epoll_pwait2(epoll_fd, ready, 512, &timeout, NULL);
  for (int k = 0; k < n; k++) {
    int i = ready[k].data.u32;
    if (ready[k].events & EPOLLOUT && conns[i].busy) write_request(&conns[i]);
    if (ready[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_reply(i);
  }
}

static int any_busy(void) {
  for (int i = 0; i < conn_count; i++)
    if (conns[i].busy) return 1;
  return 0;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double quantile(const double *sorted, long n, double q) { return n ? sorted[(long)((n - 1) * q)] : 0; }

static void print_samples(const char *name, const double *values, long n) {
  printf(",\"%s\":[", name);
  for (long i = 0; i < n; i++) printf("%s%.1f", i ? "," : "", values[i]);
  printf("]");
}

static void build_get(const char *path, const char *headers) {
  request = malloc(32768);
  request_length = sprintf(request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: application/json\r\n%s\r\n",
                           path, port, headers);
}

static void build_post(const char *path, const char *headers, const char *file) {
  static char empty[] = "{}";
  char *body = empty;
  long length = 2;
  if (file) {
    FILE *f = fopen(file, "rb");
    if (!f) {
      perror(file);
      exit(1);
    }
    fseek(f, 0, SEEK_END);
    length = ftell(f);
    rewind(f);
    body = malloc(length);
    if (fread(body, 1, length, f) != (size_t)length) exit(1);
    fclose(f);
  }
  request = malloc(length + 32768);
  request_length = sprintf(request,
                           "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                           "Accept: application/json\r\nUser-Agent: OpenAI/JS 5.1.0\r\nX-Stainless-Lang: js\r\n"
                           "X-Stainless-Runtime: node\r\n%sContent-Length: %ld\r\n\r\n",
                           path, port, headers, length);
  memcpy(request + request_length, body, length);
  request_length += length;
}

int main(int argc, char **argv) {
  double seconds = 1, warm = 0.5, drain = 0;
  char *file = NULL, *path = "/v1/chat/completions";
  static char headers[8192];
  pid_t pids[PIDS_MAX];
  int pid_count = 0, await_all = 0, print_all = 0, is_get = 0, option;
  while ((option = getopt(argc, argv, "p:c:d:w:r:f:H:P:u:AD:SG")) != -1) {
    if (option == 'p') port = atoi(optarg);
    else if (option == 'c') conn_count = atoi(optarg);
    else if (option == 'd') seconds = atof(optarg);
    else if (option == 'w') warm = atof(optarg);
    else if (option == 'r') rate = atof(optarg);
    else if (option == 'f') file = optarg;
    else if (option == 'u') path = optarg;
    else if (option == 'A') await_all = 1;
    else if (option == 'D') drain = atof(optarg);
    else if (option == 'S') print_all = 1;
    else if (option == 'G') is_get = 1;
    else if (option == 'H' && strlen(headers) + strlen(optarg) + 3 < sizeof headers) strcat(strcat(headers, optarg), "\r\n");
    else if (option == 'P') {
      for (char *t = strtok(optarg, ","); t && pid_count < PIDS_MAX; t = strtok(NULL, ",")) pids[pid_count++] = atoi(t);
    } else return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  if (is_get) build_get(path, headers);
  else build_post(path, headers, file);
  epoll_fd = epoll_create1(0);
  conns = calloc(conn_count, sizeof *conns);
  idle = malloc(conn_count * sizeof *idle);
  latency = malloc(SAMPLES_MAX * sizeof *latency);
  first_byte = malloc(SAMPLES_MAX * sizeof *first_byte);

  for (int i = 0; i < conn_count; i++) open_connection(i);
  usleep(50000);
  int64_t begin = now_ns();
  for (int i = 0; i < conn_count; i++) {
    if (rate > 0) make_idle(i);
    else start_request(i, now_ns());
  }

  int64_t measure_from = begin + warm * 1e9, measure_to = measure_from + seconds * 1e9, started_at = begin;
  int64_t cpu_before[PIDS_MAX] = {0}, own_before = 0;
  long finished_before = 0, events_before = 0, most_late = 0;
  double next_due = begin, interval = rate > 0 ? 1e9 / rate : 0;
  for (;;) {
    int64_t t = now_ns();
    if (!measuring && await_all && open_streams == conn_count) {
      measure_to -= measure_from - t;
      measure_from = t;
      await_all = 0;
    }
    if (!measuring && t >= measure_from) {
      measuring = 1;
      started_at = t;
      finished_before = finished;
      events_before = events;
      errors = not_200 = 0;
      own_before = cpu_ns(getpid());
      for (int i = 0; i < pid_count; i++) cpu_before[i] = cpu_ns(pids[i]);
    }
    if (measuring && t >= measure_to) break;
    int64_t wait = (measuring ? measure_to : measure_from) - t;
    if (rate > 0) {
      while (next_due <= t && idle_count > 0) {
        start_request(idle[--idle_count], (int64_t)next_due);
        next_due += interval;
      }
      long late = next_due < t ? (t - next_due) / interval : 0;
      if (late > most_late) most_late = late;
      if (idle_count > 0 && (int64_t)next_due - t < wait) wait = (int64_t)next_due - t;
    }
    poll_sockets(wait);
  }

  double elapsed = (now_ns() - started_at) / 1e9;
  long done = finished - finished_before, memory = 0;
  int64_t cpu = 0, own = cpu_ns(getpid()) - own_before;
  for (int i = 0; i < pid_count; i++) {
    int64_t after = cpu_ns(pids[i]);
    if (after > cpu_before[i]) cpu += after - cpu_before[i];
    memory += rss_kb(pids[i]);
  }
  long errors_seen = errors, not_200_seen = not_200, open_seen = open_streams;
  measuring = 0;
  stopping = 1;
  for (int64_t until = now_ns() + drain * 1e9; now_ns() < until && any_busy();) poll_sockets(10000000);
  qsort(latency, latency_count, sizeof *latency, compare);
  qsort(first_byte, first_byte_count, sizeof *first_byte, compare);
  printf("{\"requests\":%ld,\"events\":%ld,\"open\":%ld,\"rps\":%.1f,\"cpuUs\":%.1f,\"util\":%.3f,\"loadUs\":%.1f,"
         "\"p50\":%.1f,\"p99\":%.1f,\"first50\":%.1f,\"first99\":%.1f,\"errors\":%ld,\"notOk\":%ld,\"rssKb\":%ld,\"late\":%ld",
         done, events - events_before, open_seen, done / elapsed, cpu / 1e3, cpu / 1e9 / elapsed, own / 1e3,
         quantile(latency, latency_count, .5), quantile(latency, latency_count, .99),
         quantile(first_byte, first_byte_count, .5), quantile(first_byte, first_byte_count, .99), errors_seen, not_200_seen, memory,
         most_late);
  if (print_all) {
    print_samples("latencies", latency, latency_count);
    print_samples("firstBytes", first_byte, first_byte_count);
  }
  printf("}\n");
  return 0;
}
