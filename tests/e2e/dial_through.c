// Preloaded into a node: what it dials at an address of DIAL_THROUGH ("PORT=PORT,PORT=PORT", all on
// 127.0.0.1) goes to the other port, where a proxy stands for the way from this node to that one.
// So the proxy knows who dials.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static in_port_t Through(in_port_t wanted) {
  const char* table = getenv("DIAL_THROUGH");
  while (table != NULL && *table != '\0') {
    unsigned from = 0;
    unsigned to = 0;
    if (sscanf(table, "%u=%u", &from, &to) == 2 && htons((uint16_t)from) == wanted)
      return htons((uint16_t)to);
    table = strchr(table, ',');
    if (table != NULL) table++;
  }
  return wanted;
}

int connect(int fd, const struct sockaddr* address, socklen_t size) {
  int (*real)(int, const struct sockaddr*, socklen_t) =
      (int (*)(int, const struct sockaddr*, socklen_t))dlsym(RTLD_NEXT, "connect");
  struct sockaddr_storage other;
  if (size > sizeof(other)) return real(fd, address, size);
  memcpy(&other, address, size);
  if (address->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in* v4 = (struct sockaddr_in*)&other;
    if (v4->sin_addr.s_addr == htonl(INADDR_LOOPBACK)) v4->sin_port = Through(v4->sin_port);
  } else if (address->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
    struct sockaddr_in6* v6 = (struct sockaddr_in6*)&other;
    const uint32_t loopback = htonl(INADDR_LOOPBACK);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) &&
        memcmp(&v6->sin6_addr.s6_addr[12], &loopback, 4) == 0) {
      v6->sin6_port = Through(v6->sin6_port);
    }
  }
  return real(fd, (const struct sockaddr*)&other, size);
}
