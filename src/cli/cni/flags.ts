/** Flags of `klab cni`. */

import { durationFlag } from '../flag-values.ts';
import { Flags } from '../oclif.ts';
import type { CniAttachRequest, CniRequest } from './cni.ts';
import { defaultConfFolder } from './network-files.ts';

export const cniFlags = {
  conf: Flags.string({
    char: 'f',
    summary: 'network configuration: a file, or a folder of which the first is taken',
    helpValue: 'FILE|FOLDER',
    default: defaultConfFolder,
  }),
  network: Flags.string({ summary: 'the network of that name in the folder' }),
  'bin-dir': Flags.string({
    summary: 'a folder with plugins, may be repeated; CNI_PATH, or /opt/cni/bin and /usr/lib/cni',
    multiple: true,
  }),
  'cache-dir': Flags.string({
    summary: "where attachments are remembered, in libcni's form (its own is /var/lib/cni); .cni in klab's home",
  }),
  timeout: Flags.string({ summary: 'how long one plugin may take before it is killed', default: '2m' }),
  'node-netns': Flags.string({ summary: 'a network namespace that plays the node: plugins run in it' }),
  explain: Flags.boolean({
    char: 'v',
    summary: 'tell what goes into each plugin and what comes out',
    default: false,
  }),
  output: Flags.string({ char: 'o', summary: 'output format', options: ['json', 'yaml'] as const }),
};

export const cniAttachFlags = {
  ...cniFlags,
  netns: Flags.string({ summary: "the container's network namespace, by name or path" }),
  'container-id': Flags.string({ summary: 'the container; made from the namespace' }),
  ifname: Flags.string({ summary: 'name of the interface in the container', default: 'eth0' }),
  args: Flags.string({ summary: 'KEY=VALUE for CNI_ARGS, may be repeated', multiple: true }),
  cap: Flags.string({
    summary: 'CAPABILITY=JSON for plugins that have the capability, may be repeated',
    multiple: true,
  }),
};

interface Parsed {
  readonly conf: string;
  readonly network?: string;
  readonly 'bin-dir'?: string[];
  readonly 'cache-dir'?: string;
  readonly timeout: string;
  readonly 'node-netns'?: string;
  readonly explain: boolean;
  readonly output?: string;
}

interface ParsedAttach extends Parsed {
  readonly netns?: string;
  readonly 'container-id'?: string;
  readonly ifname: string;
  readonly args?: string[];
  readonly cap?: string[];
}

export function cniRequest(flags: Parsed): CniRequest {
  return {
    conf: flags.conf,
    network: flags.network,
    binDirs: flags['bin-dir'],
    cacheDir: flags['cache-dir'],
    timeoutMs: durationFlag('timeout', flags.timeout),
    nodeNetns: flags['node-netns'],
    explain: flags.explain,
    output: flags.output as 'json' | undefined,
  };
}

export function cniAttachRequest(flags: ParsedAttach): CniAttachRequest {
  return {
    ...cniRequest(flags),
    netns: flags.netns,
    containerId: flags['container-id'],
    ifname: flags.ifname,
    args: flags.args,
    caps: flags.cap,
  };
}
