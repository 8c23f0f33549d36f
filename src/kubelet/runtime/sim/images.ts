/** What the simulated registry holds: every name but those under `.invalid`, each with a size, a digest and a program. */
import { createHash } from 'node:crypto';
import type { Program } from './shell/commands/lines.ts';

export type ImageFamily =
  | 'busybox'
  | 'general'
  | 'nginx'
  | 'pause'
  | 'redis'
  | 'perl'
  | 'hello-world'
  | 'webhook-certgen'
  | 'agnhost'
  | 'user';

export interface ImageDefinition {
  readonly family: ImageFamily;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** All commands of the image are known: another one does not exist, rather than being unknown to the simulation. */
  readonly complete: boolean;
  /** The one program in it: exec finds this one, with `shell` also those of a shell, and no other. */
  readonly only?: { readonly program: string; readonly shell: boolean };
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  /** Port it listens on when the container declares none. */
  readonly defaultPort?: number;
  /** A user's image: what runs in place of an entrypoint, and which commands it has besides those of the shell. */
  readonly user?: UserImageProgram;
}

/** What a user's image brings. */
export interface UserImageProgram {
  readonly main: Program;
  /** Undefined: not one of its commands. */
  command(argv: readonly string[]): Program | undefined;
  /** Why such a container cannot be made or started, if so. */
  readonly createError?: string;
  readonly startError?: string;
  readonly startDelayMs?: number;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const base = { env: { PATH: path }, workingDir: '/', complete: false } as const;
const shell = (cmd: string, complete: boolean): ImageDefinition => ({
  ...base,
  family: 'busybox',
  entrypoint: [],
  cmd: [cmd],
  complete,
});

/** An image of the control plane: the general server answers for it, and exec finds no command that is not there. */
const only = (program: string, shell: boolean): ImageDefinition => ({
  ...base,
  family: 'general',
  entrypoint: program === 'coredns' ? ['/coredns'] : [],
  cmd: [],
  only: { program, shell },
});

const general: ImageDefinition = { ...base, family: 'general', entrypoint: [], cmd: [] };

/** By the last part of the repository's name. */
const definitions: Readonly<Record<string, ImageDefinition>> = {
  agnhost: { ...base, family: 'agnhost', entrypoint: ['/agnhost'], cmd: ['pause'] },
  alpine: shell('/bin/sh', true),
  busybox: shell('sh', true),
  bash: shell('bash', false),
  centos: shell('/bin/bash', false),
  // Its entrypoint runs what it is given, and curl with what is no command.
  curl: { ...base, family: 'busybox', entrypoint: ['/entrypoint.sh'], cmd: ['curl'], complete: false },
  debian: shell('bash', false),
  fedora: shell('/bin/bash', false),
  ubuntu: shell('/bin/bash', false),
  coredns: only('coredns', false),
  // Older images had a shell, and tutorials use it.
  etcd: only('etcd', true),
  'kube-apiserver': only('kube-apiserver', false),
  'kube-controller-manager': only('kube-controller-manager', false),
  'kube-proxy': only('kube-proxy', true),
  'kube-scheduler': only('kube-scheduler', false),
  httpd: { ...base, family: 'general', entrypoint: [], cmd: ['httpd-foreground'], defaultPort: 80 },
  'hello-world': { ...base, family: 'hello-world', entrypoint: [], cmd: ['/hello'], complete: true },
  'kube-webhook-certgen': {
    ...base,
    family: 'webhook-certgen',
    entrypoint: ['/kube-webhook-certgen'],
    cmd: [],
    complete: true,
  },
  nginx: { ...base, family: 'nginx', entrypoint: [], cmd: ['nginx', '-g', 'daemon off;'], defaultPort: 80 },
  'nginx-unprivileged': {
    ...base,
    family: 'nginx',
    entrypoint: [],
    cmd: ['nginx', '-g', 'daemon off;'],
    defaultPort: 8080,
  },
  pause: { ...base, family: 'pause', entrypoint: ['/pause'], cmd: [], complete: true },
  perl: { ...base, family: 'perl', entrypoint: [], cmd: ['perl'] },
  redis: { ...base, family: 'redis', entrypoint: [], cmd: ['redis-server'], workingDir: '/data', defaultPort: 6379 },
  valkey: { ...base, family: 'redis', entrypoint: [], cmd: ['valkey-server'], workingDir: '/data', defaultPort: 6379 },
};

/** Megabytes of images everybody knows; others get a size from their name. */
const megabytes: Readonly<Record<string, number>> = {
  busybox: 2.2,
  alpine: 3.8,
  nginx: 59.8,
  redis: 44.1,
  pause: 0.3,
  'hello-world': 0.01,
  postgres: 110,
  mysql: 160,
  ubuntu: 29.7,
  debian: 49.3,
};

export interface ImageName {
  /** `docker.io/library/nginx:1.27`, as containerd names it. */
  readonly normalized: string;
  readonly domain: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

export function parseImageName(image: string): ImageName {
  const [beforeDigest = '', digest = ''] = image.split('@');
  const slash = beforeDigest.lastIndexOf('/');
  const colon = beforeDigest.indexOf(':', slash + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  const tag = colon < 0 ? (digest === '' ? 'latest' : '') : beforeDigest.slice(colon + 1);
  const first = name.split('/')[0]!;
  const hasDomain = name.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  const domain = hasDomain ? first : 'docker.io';
  let repository = hasDomain ? name.slice(first.length + 1) : name;
  if (domain === 'docker.io' && !repository.includes('/')) repository = `library/${repository}`;
  const suffix = (tag === '' ? '' : `:${tag}`) + (digest === '' ? '' : `@${digest}`);
  return { normalized: `${domain}/${repository}${suffix}`, domain, repository, tag, digest };
}

export function definitionOf(image: string): ImageDefinition {
  const { repository } = parseImageName(image);
  return definitions[repository.split('/').at(-1)!] ?? general;
}

export function sizeOf(image: string): number {
  const { repository } = parseImageName(image);
  const known = megabytes[repository.split('/').at(-1)!];
  const hash = createHash('sha256').update(repository).digest();
  const size = known ?? 20 + (hash.readUInt16BE(0) / 65_536) * 180;
  return Math.round(size * 1_000_000) + (hash.readUInt16BE(2) % 1000);
}

/** The digest a tag stands for: the same name, the same digest. */
export function digestOf(image: string): string {
  const { domain, repository, tag, digest } = parseImageName(image);
  if (digest !== '') return digest;
  return `sha256:${createHash('sha256').update(`${domain}/${repository}:${tag}`).digest('hex')}`;
}
