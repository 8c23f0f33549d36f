/** `klab cni`: a network's plugins executed as a container runtime does. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { decodeJson, FormatError } from '../../apimachinery/index.ts';
import { klabHome } from '../../cluster/index.ts';
import {
  type Attachment,
  CniError,
  type CniEvent,
  type CniResult,
  CniRuntime,
  checkAttachment,
  type JsonObject,
  parseArgs,
  type RememberedAttachment,
  readResult,
  storyOf,
  summaryOf,
  type ValidAttachment,
} from '../../net/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { printData, renderTable } from '../output.ts';
import { AttachmentFiles } from './attachment-files.ts';
import { type FoundNetwork, findNetwork } from './network-files.ts';
import { defaultPluginFolders, PluginProcesses } from './plugin-processes.ts';

/** What all verbs are told. */
export interface CniRequest {
  /** A file or a folder. */
  readonly conf: string;
  readonly network?: string;
  /** Default: CNI_PATH of the environment, or the usual folders. */
  readonly binDirs?: readonly string[];
  /** Default: `.cni` in klab's home. */
  readonly cacheDir?: string;
  readonly timeoutMs: number;
  /** The namespace that plays the node; default: this machine. */
  readonly nodeNetns?: string;
  readonly explain: boolean;
  readonly output?: 'json' | 'yaml';
}

export interface CniAttachRequest extends CniRequest {
  readonly netns?: string;
  readonly containerId?: string;
  readonly ifname: string;
  readonly args?: readonly string[];
  /** `portMappings=[{…}]`. */
  readonly caps?: readonly string[];
}

export interface CniIo {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** @throws UserError */
export async function cniAdd(request: CniAttachRequest & { readonly undo: boolean }, io: CniIo): Promise<void> {
  await telling(async () => {
    const { found, runtime, files } = open(request, io);
    const attachment = attachmentOf(request);
    if (attachment.netns !== '' && !existsSync(attachment.netns)) {
      throw new UserError(`no network namespace "${request.netns}": make it with ip netns add`);
    }
    const result = await files.alone(attachment.containerId, () =>
      runtime.add(found.network, attachment, { undo: request.undo }),
    );
    if (request.output !== undefined) {
      io.print(printData(result, request.output));
      return;
    }
    const read = readResult(result) as CniResult;
    io.print(
      [
        `${request.explain ? '\n' : ''}container ${attachment.containerId} is in network ${found.network.name} as ${attachment.ifname}`,
        ...summaryOf(read).map((line) => `  ${line}`),
      ].join('\n'),
    );
  });
}

/** @throws UserError */
export async function cniDel(request: CniAttachRequest, io: CniIo): Promise<void> {
  await telling(async () => {
    const { found, runtime, files } = open(request, io);
    const { containerId, ...given } = attachmentOf(request);
    const attachment = { containerId, ...given, ...recalled(request, found, files, io) };
    await files.alone(containerId, () => runtime.del(found.network, attachment));
    report(request, io, `container ${containerId} is out of network ${found.network.name} (${request.ifname})`, {
      network: found.network.name,
      containerID: containerId,
      ifname: request.ifname,
      deleted: true,
    });
  });
}

/** @throws UserError of the first plugin that objects. */
export async function cniCheck(request: CniAttachRequest, io: CniIo): Promise<void> {
  await telling(async () => {
    const { found, runtime, files } = open(request, io);
    const { containerId, ...given } = attachmentOf(request);
    const attachment = { containerId, ...given, ...recalled(request, found, files, io) };
    const { skipped } = await files.alone(containerId, () => runtime.check(found.network, attachment));
    const text = `container ${containerId}: ${request.ifname} is as network ${found.network.name} left it`;
    report(request, io, skipped === undefined ? text : `not checked: ${skipped}`, {
      network: found.network.name,
      containerID: containerId,
      ifname: request.ifname,
      checked: skipped === undefined,
    });
  });
}

/** Readiness of the plugins, and who is attached. @throws UserError of the first plugin that is not ready. */
export async function cniStatus(request: CniRequest, io: CniIo): Promise<void> {
  await telling(async () => {
    const { found, runtime, files } = open(request, io);
    const { skipped } = await runtime.status(found.network);
    const attached = files.list().filter(({ network }) => network === found.network.name);
    const plugins = found.network.plugins.map(({ type }) => type);
    const ready = skipped === undefined ? 'all plugins would serve ADD' : `plugins not asked: ${skipped}`;
    const table = renderTable(['CONTAINER', 'INTERFACE', 'ADDRESSES', 'NETNS'], attached.map(rowOf));
    const lines = [`network ${found.network.name} (${found.file}): ${plugins.join(', ')}`, ready];
    report(request, io, [...lines, attached.length === 0 ? 'nobody is attached' : table].join('\n'), {
      network: found.network.name,
      file: found.file,
      plugins,
      ready: skipped === undefined ? true : null,
      attachments: attached.map(({ containerId, ifname, netns, result }) => ({
        containerID: containerId,
        ifname,
        netns,
        result,
      })),
    });
  });
}

function rowOf({ containerId, ifname, netns, result }: RememberedAttachment): string[] {
  const gone = netns !== '' && !existsSync(netns) ? ' (gone)' : '';
  return [containerId, ifname, (result.ips ?? []).map(({ address }) => address).join(', '), `${netns}${gone}`];
}

/** `valid`: `ID` or `ID/IFNAME`; default: attachments whose namespace is still there. @throws UserError */
export async function cniGc(request: CniRequest & { readonly valid?: readonly string[] }, io: CniIo): Promise<void> {
  await telling(async () => {
    const { found, runtime, files } = open(request, io);
    const attached = files.list().filter(({ network }) => network === found.network.name);
    const valid = validOf(attached, request.valid);
    const { deleted, asked } = await runtime.gc(found.network, valid);
    const gone = deleted.map(({ containerID, ifname }) => `deleted ${containerID} ${ifname}`);
    const told = asked ? 'the plugins were told GC' : 'the plugins were not told: GC came with 1.1.0';
    report(request, io, [...gone, `${valid.length} attachments are valid; ${told}`].join('\n'), {
      network: found.network.name,
      valid,
      deleted,
      pluginsAsked: asked,
    });
  });
}

function validOf(
  attached: readonly RememberedAttachment[],
  words: readonly string[] | undefined,
): readonly ValidAttachment[] {
  if (words === undefined) {
    return attached
      .filter(({ netns }) => netns !== '' && existsSync(netns))
      .map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
  }
  return words.map((word) => {
    const [containerID = '', ifname = 'eth0'] = word.split('/');
    return { containerID, ifname };
  });
}

/** What plugins support: those named, or those of a network. @throws UserError */
export async function cniVersion(
  request: CniRequest & { readonly plugins?: readonly string[] },
  io: CniIo,
): Promise<void> {
  await telling(async () => {
    const types = request.plugins ?? open(request, io).found.network.plugins.map(({ type }) => type);
    const versions = await runtimeOf(request, io).runtime.versions(types);
    const rows = versions.map(({ type, supported }) => [type, supported.join(', ')]);
    report(request, io, renderTable(['PLUGIN', 'SUPPORTS CNI'], rows), versions);
  });
}

function open(request: CniRequest, io: CniIo) {
  const found = findNetwork(request.conf, request.network);
  for (const warning of found.warnings) io.say(`Warning: ${warning}`);
  return { found, ...runtimeOf(request, io) };
}

function runtimeOf(request: CniRequest, io: CniIo) {
  const files = new AttachmentFiles(request.cacheDir ?? join(klabHome(), '.cni'), (text) => io.say(`Warning: ${text}`));
  const fromEnvironment = process.env['CNI_PATH']?.split(delimiter).filter((folder) => folder !== '');
  const processes = new PluginProcesses({
    folders: request.binDirs ?? fromEnvironment ?? defaultPluginFolders,
    timeoutMs: request.timeoutMs,
    ...(io.signal === undefined ? {} : { signal: io.signal }),
    ...(request.nodeNetns === undefined ? {} : { prefix: ['nsenter', `--net=${netnsPath(request.nodeNetns)}`] }),
  });
  // Data on stdout must stay data.
  const tell = request.output === undefined ? io.print : io.say;
  const onEvent = (event: CniEvent) => {
    if (request.explain) tell(storyOf(event).join('\n'));
    else if (event.type === 'note') io.say(event.text);
  };
  return { runtime: new CniRuntime(processes, files, onEvent), files };
}

/** A name as `ip netns add` makes them, or a path. */
const netnsPath = (netns: string) => (netns.includes('/') ? netns : `/run/netns/${netns}`);

function attachmentOf(request: CniAttachRequest): Attachment {
  const netns = request.netns === undefined ? '' : netnsPath(request.netns);
  if (request.containerId === undefined && netns === '') {
    throw new UserError('give --container-id, or --netns from which one is made', exitCodes.usage);
  }
  const attachment: Attachment = {
    // As cnitool does: the same namespace, the same container.
    containerId: request.containerId ?? `klab-${createHash('sha256').update(netns).digest('hex').slice(0, 20)}`,
    netns,
    ifname: request.ifname,
    args: parseArgs(request.args ?? []),
    capabilityArgs: capabilityArgs(request.caps ?? []),
  };
  checkAttachment(attachment);
  return attachment;
}

/** DEL and CHECK are given what ADD was: where the command line does not say, it is remembered. */
function recalled(
  request: CniAttachRequest,
  { network }: FoundNetwork,
  files: AttachmentFiles,
  io: CniIo,
): Partial<Attachment> {
  const { containerId, ifname } = attachmentOf(request);
  let before: RememberedAttachment | undefined;
  try {
    before = files.get(network.name, containerId, ifname);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    io.say(`Warning: ${error.message}`);
  }
  if (!before) return {};
  const { netns, args, capabilityArgs } = before;
  return {
    ...(request.netns === undefined ? { netns } : {}),
    ...(request.args === undefined ? { args } : {}),
    ...(request.caps === undefined ? { capabilityArgs } : {}),
  };
}

function capabilityArgs(words: readonly string[]): JsonObject {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, text] = /^([A-Za-z0-9_.-]+)=(.*)$/s.exec(word) ?? [];
      if (name === undefined || text === undefined) {
        throw new UserError(`invalid --cap ${JSON.stringify(word)}: it is CAPABILITY=JSON`, exitCodes.usage);
      }
      try {
        return [name, decodeJson(text).value];
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        const at = error.position ? ` at column ${error.position.column}` : '';
        throw new UserError(`invalid --cap ${name}: ${error.message}${at}: ${text}`, exitCodes.usage);
      }
    }),
  );
}

function report(request: CniRequest, io: CniIo, text: string, data: unknown): void {
  io.print(request.output === undefined ? text : printData(data, request.output));
}

/** Errors of plugins with what helps to understand them: what they were given, what they said. */
async function telling(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    const { failure, details, stderr, stdin } = error.detail;
    const lines = [error.message];
    if (details !== undefined) lines.push(`  details: ${details}`);
    if (stderr !== undefined) lines.push(...stderr.split('\n').map((line) => `  stderr: ${line}`));
    if (stdin !== undefined) lines.push(`  it was given: ${stdin}`);
    if (failure === 'missing')
      lines.push(
        '  (see --bin-dir; Debian’s package containernetworking-plugins has the reference plugins in /usr/lib/cni)',
      );
    throw new UserError(lines.join('\n'), failure === 'timeout' ? exitCodes.notInTime : exitCodes.failed, {
      cause: error,
    });
  }
}
