/* The floor of the floor: the raw relay in C. cc -O2 -o relay-c relay.c; ./relay-c CMD ARGS (CMD by path) */
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;
static char buffer[65536];

int main(int argc, char **argv) {
  int down[2], up[2];
  pid_t child;
  posix_spawn_file_actions_t actions;
  if (argc < 2 || pipe(down) || pipe(up)) return 2;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, down[0], 0);
  posix_spawn_file_actions_adddup2(&actions, up[1], 1);
  for (int i = 0; i < 2; i++) {
    posix_spawn_file_actions_addclose(&actions, down[i]);
    posix_spawn_file_actions_addclose(&actions, up[i]);
  }
  if (posix_spawn(&child, argv[1], &actions, NULL, argv + 1, environ)) return perror(argv[1]), 127;
  close(down[0]);
  close(up[1]);
  struct pollfd in[2] = {{.fd = 0, .events = POLLIN}, {.fd = up[0], .events = POLLIN}};
  int out[2] = {down[1], 1};
  for (;;) {
    if (poll(in, 2, -1) < 0) return 1;
    for (int i = 0; i < 2; i++) {
      if (!in[i].revents) continue;
      ssize_t got = read(in[i].fd, buffer, sizeof buffer), done = 0;
      if (got <= 0) return 0;
      while (done < got) {
        ssize_t put = write(out[i], buffer + done, got - done);
        if (put < 0) return 1;
        done += put;
      }
    }
  }
}
