/* The ceiling: the minimum cost of a room on this machine. A relay with only what a room needs: one log of all frames,
 * a position in it for each member, and one write for each member in each turn. No admission, no names, no limits. A
 * member that is a full log behind is disconnected. Linux only.
 *
 *   ceiling     prints its port on 127.0.0.1, and runs until it is killed
 *
 * A frame is: length u32, big-endian || body. Every member gets every frame, including its sender, as in `chat`.
 *
 * Each turn:
 * 1. accepts new members, and appends all frames that have arrived to the log;
 * 2. writes to each member what it has not got yet. If the last turn's writes were expensive and just now, it first
 *    waits for GATHER_NS, so that the same writes carry the frames that arrive meanwhile. */

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
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LOG_SIZE (32u << 20) /* A power of two. */
#define LARGEST (256 * 1024)
#define GATHER_NS 1000000
#define DEAR_NS 1000000

struct member {
    int fd, index, is_waiting; /* is_waiting: its socket is full, and epoll reports when it is not */
    uint64_t position;
    uint8_t *part; /* The start of an incomplete frame. */
    size_t held;
};

static uint8_t log_bytes[LOG_SIZE], buffer[2 * LARGEST];
static uint64_t log_end;
static struct member **members;
static int count, room, epoll;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* The struct is not freed: an event of this turn may still name it. */
static void cut(struct member *m) {
    close(m->fd);
    m->fd = -1;
    members[m->index] = members[--count];
    members[m->index]->index = m->index;
}

static void watch(struct member *m, int operation) {
    struct epoll_event event = { .events = EPOLLIN | (m->is_waiting ? EPOLLOUT : 0), .data.ptr = m };
    epoll_ctl(epoll, operation, m->fd, &event);
}

/* Bytes that wrap around the log's end are two pieces of one write. */
static void deliver(struct member *m) {
    while (m->position < log_end) {
        size_t size = log_end - m->position, at = m->position % LOG_SIZE;
        size_t first = size < LOG_SIZE - at ? size : LOG_SIZE - at;
        struct iovec pieces[2] = { { log_bytes + at, first }, { log_bytes, size - first } };
        struct msghdr message = { .msg_iov = pieces, .msg_iovlen = size > first ? 2 : 1 };
        ssize_t written = sendmsg(m->fd, &message, MSG_NOSIGNAL);
        if (written < 0 && errno != EAGAIN) return cut(m);
        if (written < 0) {
            if (!m->is_waiting) {
                m->is_waiting = 1;
                watch(m, EPOLL_CTL_MOD);
            }
            return;
        }
        m->position += written;
    }
    if (m->is_waiting) {
        m->is_waiting = 0;
        watch(m, EPOLL_CTL_MOD);
    }
}

static void append(const uint8_t *bytes, size_t size) {
    size_t at = log_end % LOG_SIZE, first = size < LOG_SIZE - at ? size : LOG_SIZE - at;
    memcpy(log_bytes + at, bytes, first);
    memcpy(log_bytes, bytes + first, size - first);
    log_end += size;
}

/* From the last member on: a disconnected one is replaced by the last one. */
static void deliver_all(void) {
    for (int i = count - 1; i >= 0; i--) {
        if (log_end - members[i]->position > LOG_SIZE / 2) cut(members[i]);
        else if (!members[i]->is_waiting) deliver(members[i]);
    }
}

static void take(struct member *m) {
    memcpy(buffer, m->part, m->held);
    ssize_t got = recv(m->fd, buffer + m->held, sizeof buffer - m->held, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return cut(m);
    size_t filled = m->held + got, whole = 0;
    while (filled - whole >= 4) {
        uint32_t length;
        memcpy(&length, buffer + whole, 4);
        length = ntohl(length);
        if (length > LARGEST - 4) return cut(m);
        if (filled - whole < 4 + (size_t)length) break;
        whole += 4 + length;
    }
    append(buffer, whole);
    m->held = filled - whole;
    if (m->held == 0) return;
    m->part = realloc(m->part, m->held);
    if (!m->part) exit(1);
    memcpy(m->part, buffer + whole, m->held);
}

static void let_in(int listener) {
    for (int fd, yes = 1; (fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
        struct member *m = calloc(1, sizeof *m);
        if (count == room) members = realloc(members, (room = 2 * room + 64) * sizeof *members);
        if (!m || !members) exit(1);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        m->fd = fd;
        m->position = log_end;
        members[m->index = count++] = m;
        watch(m, EPOLL_CTL_ADD);
    }
}

int main(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return perror("ceiling"), 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    struct epoll_event events[1024], event = { .events = EPOLLIN };
    epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    uint64_t delivered = 0, due = 0, ended = 0, cost = 0;
    for (;;) {
        /* epoll counts in ms, and so does the time to gather. */
        int ready = epoll_wait(epoll, events, 1024, due ? 1 : -1);
        for (int i = 0; i < ready; i++) {
            struct member *m = events[i].data.ptr;
            if (!m) {
                let_in(listener);
                continue;
            }
            if (m->fd >= 0 && events[i].events & EPOLLOUT) deliver(m);
            if (m->fd >= 0 && events[i].events & ~EPOLLOUT) take(m);
        }
        if (log_end == delivered) continue;
        uint64_t time = now();
        if (!due) due = cost > DEAR_NS && time - ended < cost ? time + GATHER_NS : time;
        if (time < due) continue;
        deliver_all();
        delivered = log_end;
        due = 0;
        ended = now();
        cost = ended - time;
    }
}
