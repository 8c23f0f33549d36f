/**
 * ipvsadm's real parser on a kernel without IPVS: a library laid over its getsockopt and setsockopt answers for the kernel,
 * and tells each structure that would have been set. IPv4 only: IPv6 goes by netlink.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const source = String.raw`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* IP_VS_BASE_CTL of linux/ip_vs.h; +1 answers version, table size and number of services. */
enum { base = 64 + 1024 + 64, count = 20 };

static int ours(int level, int option) { return level == IPPROTO_IP && option >= base && option < base + count; }

int getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
  static int (*next)(int, int, int, void *, socklen_t *);
  if (!next) next = dlsym(RTLD_NEXT, "getsockopt");
  if (!ours(level, option)) return next(fd, level, option, value, size);
  memset(value, 0, *size);
  if (option == base + 1) {
    uint32_t info[3] = {0x010201, 4096, 0};
    memcpy(value, info, sizeof info);
  }
  return 0;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
  static int (*next)(int, int, int, const void *, socklen_t);
  if (!next) next = dlsym(RTLD_NEXT, "setsockopt");
  if (!ours(level, option)) return next(fd, level, option, value, size);
  fprintf(stderr, "SET %d ", option - base);
  for (socklen_t i = 0; i < size; i++) fprintf(stderr, "%02x", ((const unsigned char *)value)[i]);
  fputc('\n', stderr);
  return 0;
}
`;

/** @returns the path of the library. */
export function buildIpvsShim(folder: string): string {
  const file = join(folder, 'ipvs-shim.c');
  const library = join(folder, 'ipvs-shim.so');
  writeFileSync(file, source);
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, file, '-ldl'], { stdio: 'pipe' });
  return library;
}

export interface IpvsCall {
  /** Of linux/ip_vs.h: 2 add a server, 3 edit, 4 delete, 7 add a real server, 8 delete one, 5 flush. */
  readonly command: number;
  readonly bytes: Buffer;
}

export function ipvsadmRestore(library: string, input: string): { code: number; calls: IpvsCall[]; text: string } {
  const { status, stderr } = spawnSync('ipvsadm', ['-R'], {
    input,
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LD_PRELOAD: library },
  });
  const calls = [...stderr.matchAll(/^SET (\d+) ([0-9a-f]*)$/gm)].map(([, command, bytes]) => ({
    command: Number(command),
    bytes: Buffer.from(bytes!, 'hex'),
  }));
  return { code: status ?? 1, calls, text: stderr };
}
