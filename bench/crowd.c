/* A crowd: members of one room, in one thread. Some of them send, all of them receive, and each delivery is checked:
 * it must be complete, and the next one of its sender. Every member must receive every message, including its own.
 * Measures how much is delivered, how long that takes, and what it costs the server's process. Linux only.
 *
 *   crowd -p PORT -i PID [-n MEMBERS] [-s SENDERS] [-b BYTES] [-w IN_FLIGHT | -r A_SECOND] [-t SECONDS]
 *         [-u WARM_UP_SECONDS] [-H HELLO] [-x PREFIX] [-l HEAD]
 *
 * A frame is: length u32, big-endian || prefix || payload. HELLO is a member's first bytes, PREFIX precedes each
 * payload, both in hexadecimal digits. Frames with another first byte than PREFIX, or with another length than a
 * message, are ignored. With -l there are no lengths: a member sends PREFIX || payload || CR LF and receives HEAD ||
 * payload || CR LF, and lines with another beginning than HEAD are ignored. With -w each sender has this many messages
 * in flight. With -r all senders together send this many a second, even if the server does not keep up.
 *
 * Prints one line of JSON. Exit code 0: complete; 1: something was lost, repeated, torn or out of order; 2: failed. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
/* The start of a payload. Only this process reads it, so it has this machine's byte order. */
struct stamp {
    uint32_t mark, sender, number, zero;
    uint64_t sent_at; /* ns */
};
#define MARK 0x7e43484du
#define PROBE UINT32_MAX /* The number of a message that only shows who has joined. */
#define RING 65536       /* Messages of one sender in flight. */
#define AT_THE_DOOR 64   /* Members that join at once: fewer than any server's queue has room for. */
#define SILENCE (3 * SECOND) /* After this time without a delivery, missing messages are lost. */
#define PATIENCE (60 * SECOND) /* Time limit until all members have joined. */
#define READ_SIZE (512 * 1024) /* More than the largest frame of `chat` and its header. */

struct member {
    int fd, greeted, probed;
    uint8_t *part; /* The start of an incomplete frame. */
    size_t held;
    uint32_t *next; /* By sender: the number of the next message. */
};
struct sender {
    struct member *member;
    uint32_t sent, done; /* done: all members have received it */
    uint32_t *heard;     /* By number, in a ring: how many members have received it. */
    uint8_t *out;        /* Bytes that the socket has not taken yet. */
    size_t pending, room;
};

static int port, pid, members = 100, senders = 10, window = 1;
static size_t size = 64;
static double rate, seconds = 2, warm_up = 0.3;
static uint8_t hello[4096], prefix[64], head[64];
static size_t hello_size, prefix_size, head_size;

static struct member *all;
static struct sender *talkers;
static uint8_t buffer[READ_SIZE], *filler;
static int greeted, probed, epoll;
static uint64_t turn; /* When this turn's bytes arrived, in ns. */
static uint64_t deliveries, wrong, last_delivery;

static void fail(const char *what) {
    fprintf(stderr, "crowd: Cannot go on: %s: %s\n", what, errno ? strerror(errno) : "it should not be so");
    exit(2);
}

static void *memory(size_t count, size_t each) {
    void *bytes = calloc(count, each);
    if (!bytes) fail("memory");
    return bytes;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

/* ---- Latencies: counts by size, 32 classes for each doubling, so that none is off by more than 3 % ---- */

#define CLASSES (64 * 32)
static uint64_t latencies[CLASSES];

static void note_latency(uint64_t ns) {
    int shift = 58 - __builtin_clzll(ns | 32);
    latencies[shift * 32 + (ns >> shift)]++;
}

/* In ms: the middle of the class that contains this quantile. */
static double latency_at(double part) {
    uint64_t sum = 0;
    for (int i = 0; deliveries && i < CLASSES; i++) {
        sum += latencies[i];
        if (sum <= part * deliveries) continue;
        int shift = i < 64 ? 0 : i / 32 - 1;
        return ((i - shift * 32) + 0.5) * (double)(1ull << shift) / 1e6;
    }
    return 0;
}

/* ---- The server's process ---- */

/* CPU seconds of all threads, in user and kernel mode. */
static double cpu(void) {
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) fail("the server's process");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    /* The name may contain spaces and brackets. The fields after it do not. */
    char *fields = strrchr(text, ')');
    if (!fields || sscanf(fields + 1, " %*c%*d%*d%*d%*d%*d%*u%*u%*u%*u%*u%lu%lu", &user, &system) != 2) fail("its times");
    return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

static long resident_kb(void) {
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (!file) fail("the server's process");
    while (kb < 0 && fgets(line, sizeof line, file)) sscanf(line, "VmRSS: %ld", &kb);
    fclose(file);
    return kb;
}

/* ---- Sending ---- */

static void push(struct sender *s) {
    while (s->pending) {
        ssize_t written = send(s->member->fd, s->out, s->pending, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno == EAGAIN) return; /* The next turn tries again. */
        if (written < 0) fail("a sender was cut off");
        memmove(s->out, s->out + written, s->pending -= written);
    }
}

static void say(struct sender *s, uint32_t number, uint64_t at) {
    size_t before = head_size ? 0 : 4, behind = head_size ? 2 : 0, frame = before + prefix_size + size + behind;
    if (s->pending + frame > s->room) {
        s->out = realloc(s->out, s->room = 2 * (s->pending + frame));
        if (!s->out) fail("memory");
    }
    uint8_t *to = s->out + s->pending;
    uint32_t length = htonl(prefix_size + size);
    struct stamp stamp = { MARK, s - talkers, number, 0, at };
    memcpy(to, &length, before);
    memcpy(to += before, prefix, prefix_size);
    memcpy(to += prefix_size, filler, size);
    memcpy(to, &stamp, sizeof stamp);
    memcpy(to + size, "\r\n", behind);
    s->pending += frame;
}

/* ---- Receiving ---- */

static void hear(struct member *m, const uint8_t *payload) {
    struct stamp stamp;
    memcpy(&stamp, payload, sizeof stamp);
    if (stamp.mark != MARK || stamp.sender >= (uint32_t)senders ||
        memcmp(payload + sizeof stamp, filler + sizeof stamp, size - sizeof stamp)) {
        wrong++;
        return;
    }
    if (stamp.number == PROBE) {
        probed += !m->probed;
        m->probed = 1;
        return;
    }
    struct sender *s = &talkers[stamp.sender];
    if (stamp.number != m->next[stamp.sender] || stamp.number >= s->sent) {
        wrong++;
        return;
    }
    m->next[stamp.sender]++;
    deliveries++;
    last_delivery = turn;
    note_latency(turn - stamp.sent_at);
    uint32_t *heard = &s->heard[stamp.number % RING];
    if (++*heard < (uint32_t)members) return;
    *heard = 0;
    s->done++;
}

/* Takes the messages out of complete frames. Returns the bytes of these frames. */
static size_t hear_frames(struct member *m, const uint8_t *bytes, size_t count) {
    size_t at = 0;
    while (count - at >= 4) {
        uint32_t length;
        const uint8_t *body = bytes + at + 4;
        memcpy(&length, bytes + at, 4);
        length = ntohl(length);
        if (length > READ_SIZE / 2) fail("a frame that is too long");
        if (count - at - 4 < length) break;
        if (length == prefix_size + size && (!prefix_size || body[0] == prefix[0])) hear(m, body + prefix_size);
        at += 4 + length;
    }
    return at;
}

/* The same for lines. */
static size_t hear_lines(struct member *m, const uint8_t *bytes, size_t count) {
    size_t at = 0;
    while (at < count) {
        size_t left = count - at, known = left < head_size ? left : head_size;
        if (!memcmp(bytes + at, head, known)) {
            if (left < head_size + size + 2) break;
            hear(m, bytes + at + head_size);
            at += head_size + size + 2;
        } else {
            const uint8_t *end = memchr(bytes + at, '\n', left);
            if (!end) break;
            at = end + 1 - bytes;
        }
    }
    return at;
}

static void listen_to(struct member *m) {
    memcpy(buffer, m->part, m->held);
    ssize_t got = recv(m->fd, buffer + m->held, READ_SIZE - m->held, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got == 0) errno = 0;
    if (got <= 0) fail("the server has cut off a member");
    greeted += !m->greeted;
    m->greeted = 1;
    turn = now();
    size_t filled = m->held + got;
    size_t at = head_size ? hear_lines(m, buffer, filled) : hear_frames(m, buffer, filled);
    size_t rest = filled - at;
    if (rest > 0 || m->held > 0) {
        m->part = realloc(m->part, rest + 1);
        if (!m->part) fail("memory");
        memcpy(m->part, buffer + at, rest);
    }
    m->held = rest;
}

static void take_turn(int ms) {
    struct epoll_event events[512];
    int count = epoll_wait(epoll, events, 512, ms);
    for (int i = 0; i < count; i++) listen_to(events[i].data.ptr);
}

/* ---- The room ---- */

static void come(struct member *m) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = m };
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    m->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (m->fd < 0) fail("a socket");
    m->next = memory(senders, sizeof *m->next);
    if (connect(m->fd, (struct sockaddr *)&to, sizeof to)) fail("the server takes no connection");
    setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (send(m->fd, hello, hello_size, MSG_NOSIGNAL) != (ssize_t)hello_size) fail("the server takes no greeting");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, m->fd, &event)) fail("epoll");
}

static size_t unhex(const char *digits, uint8_t *to, size_t room) {
    size_t count = 0;
    unsigned byte;
    for (; *digits; digits += 2) {
        if (count == room || sscanf(digits, "%2x", &byte) != 1) fail("hexadecimal digits");
        to[count++] = byte;
    }
    return count;
}

static void wait_ms(int ms) {
    for (uint64_t end = now() + ms * (SECOND / 1000); now() < end;) take_turn(5);
}

int main(int count, char **args) {
    for (int option; (option = getopt(count, args, "p:i:n:s:b:w:r:t:u:H:x:l:")) != -1;) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'i': pid = atoi(optarg); break;
        case 'n': members = atoi(optarg); break;
        case 's': senders = atoi(optarg); break;
        case 'b': size = strtoul(optarg, 0, 10); break;
        case 'w': window = atoi(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'u': warm_up = atof(optarg); break;
        case 'H': hello_size = unhex(optarg, hello, sizeof hello); break;
        case 'x': prefix_size = unhex(optarg, prefix, sizeof prefix); break;
        case 'l': head_size = unhex(optarg, head, sizeof head); break;
        default: return 2;
    }
    if (senders > members) senders = members;
    if (!port || !pid || members < 1 || senders < 1 || window < 1 || window > RING || size < sizeof(struct stamp) ||
        size > READ_SIZE / 4) {
        fail("its options");
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    all = memory(members, sizeof *all);
    talkers = memory(senders, sizeof *talkers);
    filler = memory(size, 1);
    for (size_t i = 0; i < size; i++) filler[i] = 'a' + i % 26;
    for (int i = 0; i < senders; i++) {
        talkers[i].member = &all[(size_t)i * members / senders];
        talkers[i].heard = memory(RING, sizeof(uint32_t));
    }

    /* 1. All members join. If the server sends a greeting, only as many at a time as its queue takes. */
    long kb_empty = resident_kb();
    uint64_t begin = now();
    for (int came = 0; came < members; came++) {
        while (hello_size && came - greeted >= AT_THE_DOOR) {
            take_turn(100);
            if (now() - begin > PATIENCE) fail("they are not let in");
        }
        come(&all[came]);
        take_turn(0);
    }

    /* 2. All have joined when each has received a probe. */
    for (uint64_t probe_at = 0; probed < members; take_turn(5)) {
        if (now() - begin > PATIENCE) fail("not all of them are in");
        if (now() >= probe_at) {
            say(&talkers[0], PROBE, 0);
            probe_at = now() + SECOND / 5;
        }
        push(&talkers[0]);
    }
    double coming = (double)(now() - begin) / SECOND;

    /* 3. The last probes are read; then all are idle. */
    wait_ms(500);
    long kb_idle = resident_kb();

    /* 4. Messages are sent. The measurement begins after the warm-up and ends before the last deliveries. */
    uint64_t first = now(), start = first + (uint64_t)(warm_up * SECOND), end = start + (uint64_t)(seconds * SECOND);
    uint64_t told = 0, started = 0;
    double cpu_start = 0;
    for (;;) {
        uint64_t time = now();
        if (!started && time >= start) {
            started = time;
            deliveries = 0;
            memset(latencies, 0, sizeof latencies);
            cpu_start = cpu();
        }
        if (time >= end) break;
        while (rate > 0) {
            struct sender *s = &talkers[told % senders];
            uint64_t due = first + (uint64_t)(told * (SECOND / rate));
            if (due > time) break;
            if (s->sent - s->done == RING) fail("the server does not keep up with the rate");
            /* From the time when it was due: a message that waits for a slow one is slow, too. */
            say(s, s->sent++, due);
            push(s);
            told++;
        }
        int waiting = 0;
        for (struct sender *s = talkers; s < talkers + senders; s++) {
            while (rate <= 0 && s->sent - s->done < (uint32_t)window) say(s, s->sent++, time);
            push(s);
            waiting |= s->pending > 0;
        }
        uint64_t next = rate > 0 ? first + (uint64_t)(told * (SECOND / rate)) : end;
        uint64_t left = next > time ? (next - time) / (SECOND / 1000) : 0;
        take_turn(waiting ? 1 : left > 50 ? 50 : (int)left);
    }
    double took = (double)(now() - started) / SECOND, spent = cpu() - cpu_start;
    double p50 = latency_at(0.5), p95 = latency_at(0.95), p99 = latency_at(0.99);
    uint64_t counted = deliveries;

    /* 5. The messages in flight arrive. None may be missing then. */
    uint64_t missing;
    last_delivery = now();
    do {
        missing = 0;
        for (struct sender *s = talkers; s < talkers + senders; s++) {
            push(s);
            missing += s->sent - s->done;
        }
        if (missing) take_turn(5);
    } while (missing && now() - last_delivery < SILENCE);
    wait_ms(20); /* And none may arrive twice. */

    int complete = !missing && !wrong && counted > 0;
    printf("{\"members\":%d,\"complete\":%s,\"missing\":%llu,\"wrong\":%llu,\"perSecond\":%.0f,\"p50\":%.4f,"
           "\"p95\":%.4f,\"p99\":%.4f,\"cpu\":%.3f,\"micros\":%.4f,\"coming\":%.3f,\"kbEmpty\":%ld,\"kbIdle\":%ld,"
           "\"kbEnd\":%ld}\n",
           members, complete ? "true" : "false", (unsigned long long)missing, (unsigned long long)wrong,
           counted / took, p50, p95, p99, spent / took, counted ? spent * 1e6 / counted : 0, coming, kb_empty, kb_idle,
           resident_kb());
    return complete ? 0 : 1;
}
