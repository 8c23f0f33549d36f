/** What a plugin is started with: environment and standard input. Upstream: the CNI specification 1.1, sections 2 and 3. */
import { stringifyJson } from '../../apimachinery/index.ts';
import type { JsonObject, NetworkConfig, PluginConfig } from './config.ts';
import { checkContainerId, checkInterfaceName } from './names.ts';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC' | 'VERSION';

/** One container's place in one network. */
export interface Attachment {
  readonly containerId: string;
  /** A path; empty when it is gone (DEL only). */
  readonly netns: string;
  readonly ifname: string;
  readonly args: readonly (readonly [string, string])[];
  /** What the runtime offers, by capability: `portMappings`, `bandwidth`, … */
  readonly capabilityArgs: JsonObject;
}

/** What GC is told is still in use. */
export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

export interface PluginRequest {
  readonly command: CniCommand;
  readonly type: string;
  /** CNI_… variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** @throws CniError (code 4) */
export function checkAttachment({ containerId, ifname }: Attachment): void {
  checkContainerId(containerId);
  checkInterfaceName(ifname);
}

/** ADD, DEL or CHECK of one plugin. `prevResult` is in the configuration's version. */
export function attachmentRequest(
  command: 'ADD' | 'DEL' | 'CHECK',
  network: Pick<NetworkConfig, 'name'>,
  version: string,
  plugin: PluginConfig,
  attachment: Attachment,
  prevResult: JsonObject | undefined,
  path: string,
): PluginRequest {
  const offered = Object.entries(attachment.capabilityArgs).filter(([name]) => plugin.capabilities.has(name));
  const { runtimeConfig: _, prevResult: __, ...config } = plugin.config;
  const stdin = {
    ...config,
    name: network.name,
    cniVersion: version,
    ...(offered.length === 0 ? {} : { runtimeConfig: Object.fromEntries(offered) }),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: attachment.containerId,
    CNI_NETNS: attachment.netns,
    CNI_IFNAME: attachment.ifname,
    CNI_ARGS: attachment.args.map((pair) => pair.join('=')).join(';'),
    CNI_PATH: path,
  };
  return { command, type: plugin.type, env, stdin: stringifyJson(stdin) };
}

/** STATUS, or GC with what is still in use. */
export function networkRequest(
  command: 'STATUS' | 'GC',
  network: Pick<NetworkConfig, 'name'>,
  version: string,
  plugin: PluginConfig,
  path: string,
  valid?: readonly ValidAttachment[],
): PluginRequest {
  const stdin = {
    ...plugin.config,
    name: network.name,
    cniVersion: version,
    ...(valid === undefined ? {} : { 'cni.dev/valid-attachments': valid }),
  };
  return { command, type: plugin.type, env: { CNI_COMMAND: command, CNI_PATH: path }, stdin: stringifyJson(stdin) };
}

/** Plugins from before VERSION was known insist on the other variables: libcni gives them dummies. */
export function versionRequest(type: string, version: string): PluginRequest {
  const env = {
    CNI_COMMAND: 'VERSION',
    CNI_CONTAINERID: 'dummy',
    CNI_NETNS: 'dummy',
    CNI_IFNAME: 'dummy',
    CNI_ARGS: '',
    CNI_PATH: 'dummy',
  };
  return { command: 'VERSION', type, env, stdin: JSON.stringify({ cniVersion: version }) };
}
