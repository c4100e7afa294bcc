/* What travels a path: the C twin of wire.py, for hosts with a compiler. Same words, same answers.
 *
 *   serve PORT                    UDP and TCP echo on PORT, and on PORT + 1 a TCP sink; prints "ready"
 *   udp|tcp|connect|flood ADDRESS PORT SECONDS
 *
 * udp and tcp count round trips of one byte, connect whole connections with one byte each way, flood bytes sent.
 * Prints one line of JSON: rate (a second), p50_us, p99_us, lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4000000, BLOCK = 128 * 1024 };
static float latencies[MOST];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static struct sockaddr_in at(const char *address, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &a.sin_addr);
    return a;
}

static int bound(int type, int port) {
    int opened = socket(AF_INET, type, 0), on = 1;
    struct sockaddr_in a = at("0.0.0.0", port);
    setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(opened, (struct sockaddr *)&a, sizeof a) || (type == SOCK_STREAM && listen(opened, 4096))) {
        perror("bind");
        exit(1);
    }
    return opened;
}

static void *echo_datagrams(void *which) {
    int opened = (int)(long)which;
    char content[2048];
    for (;;) {
        struct sockaddr_in whose;
        socklen_t length = sizeof whose;
        ssize_t size = recvfrom(opened, content, sizeof content, 0, (struct sockaddr *)&whose, &length);
        if (size >= 0) sendto(opened, content, size, 0, (struct sockaddr *)&whose, length);
    }
    return NULL;
}

static void *echo_stream(void *which) {
    int opened = (int)(long)which, on = 1;
    char content[64];
    ssize_t size;
    setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while ((size = recv(opened, content, sizeof content, 0)) > 0)
        if (send(opened, content, size, MSG_NOSIGNAL) < 0) break;
    close(opened);
    return NULL;
}

static void *drain_stream(void *which) {
    int opened = (int)(long)which;
    char *content = malloc(BLOCK);
    while (recv(opened, content, BLOCK, 0) > 0) continue;
    free(content);
    close(opened);
    return NULL;
}

static void spawn(void *(*serve)(void *), int opened) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(long)opened) == 0) pthread_detach(thread);
}

static void *accept_sinks(void *which) {
    for (;;) {
        int opened = accept((int)(long)which, NULL, NULL);
        if (opened >= 0) spawn(drain_stream, opened);
    }
    return NULL;
}

/* One connection at a time: a thread each would measure the making of threads. */
static void serve(int port) {
    int listener = bound(SOCK_STREAM, port);
    spawn(accept_sinks, bound(SOCK_STREAM, port + 1));
    spawn(echo_datagrams, bound(SOCK_DGRAM, port));
    puts("ready");
    fflush(stdout);
    for (;;) {
        int opened = accept(listener, NULL, NULL);
        if (opened >= 0) echo_stream((void *)(long)opened);
    }
}

static int connected(int type, struct sockaddr_in *to) {
    int opened = socket(AF_INET, type, 0), on = 1;
    struct timeval patience = {1, 0};
    setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(opened, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (type == SOCK_STREAM) setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(opened, (struct sockaddr *)to, sizeof *to) == 0) return opened;
    close(opened);
    return -1;
}

static int ping(int opened) {
    char content = 'x';
    return send(opened, &content, 1, MSG_NOSIGNAL) == 1 && recv(opened, &content, 1, 0) == 1;
}

static int connection(struct sockaddr_in *to) {
    struct linger at_once = {1, 0}; /* no TIME_WAIT: ports would run out */
    int opened = connected(SOCK_STREAM, to), answered = 0;
    if (opened < 0) return 0;
    setsockopt(opened, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    answered = ping(opened);
    close(opened);
    return answered;
}

static int ascending(const void *one, const void *other) {
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

static void report(double rate, long count, long lost) {
    qsort(latencies, count, sizeof *latencies, ascending);
    double middle = count ? latencies[count / 2] * 1e6 : 0, tail = count ? latencies[count * 99 / 100] * 1e6 : 0;
    printf("{\"rate\": %.1f, \"p50_us\": %.2f, \"p99_us\": %.2f, \"lost\": %ld}\n", rate, middle, tail, lost);
}

static void flood(struct sockaddr_in *to, double seconds) {
    int opened = connected(SOCK_STREAM, to);
    char *content = calloc(1, BLOCK);
    double began = now(), sent = 0;
    while (opened >= 0 && now() - began < seconds) {
        ssize_t size = send(opened, content, BLOCK, MSG_NOSIGNAL);
        if (size > 0) sent += size;
    }
    report(sent / (now() - began), 0, opened < 0);
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    if (count == 3 && !strcmp(words[1], "serve")) serve(atoi(words[2]));
    if (count != 5) return 2;
    struct sockaddr_in to = at(words[2], atoi(words[3]));
    double seconds = atof(words[4]), began = now();
    long done = 0, lost = 0;
    if (!strcmp(words[1], "flood")) {
        flood(&to, seconds);
        return 0;
    }
    int whole = !strcmp(words[1], "connect");
    int opened = whole ? -1 : connected(!strcmp(words[1], "udp") ? SOCK_DGRAM : SOCK_STREAM, &to);
    while (now() - began < seconds && done < MOST) {
        double start = now();
        if (whole ? connection(&to) : ping(opened)) latencies[done++] = now() - start;
        else lost++;
    }
    report(done / (now() - began), done, lost);
    return 0;
}
