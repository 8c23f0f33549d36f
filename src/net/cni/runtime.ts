/**
 * A network's plugins, run one after the other as the specification says a runtime does: ADD in order, each with the result
 * of the one before; DEL in reverse and CHECK in order with the result of the whole ADD. How a plugin is run and where
 * attachments are remembered is the caller's. Upstream: the CNI specification 1.1, section 3; libcni/api.go.
 */
import { addAnswer, emptyAnswer, type PluginRun, versionAnswer } from './answer.ts';
import type { RememberedAttachment } from './attachment.ts';
import { badRequest, CniError, cniCodes } from './cni-error.ts';
import type { JsonObject, NetworkConfig, PluginConfig } from './config.ts';
import {
  type Attachment,
  attachmentRequest,
  checkAttachment,
  networkRequest,
  type PluginRequest,
  type ValidAttachment,
  versionRequest,
} from './request.ts';
import { type CniResult, resultAs } from './result.ts';
import { atLeast, chooseVersion, cniVersions } from './versions.ts';

export interface PluginRunner {
  /** CNI_PATH: where plugins, and plugins of plugins, are found. */
  readonly path: string;
  /** @throws CniError `missing`, naming the folders that were searched. */
  find(type: string): string;
  run(executable: string, request: PluginRequest): Promise<PluginRun>;
}

export interface AttachmentStore {
  /** @throws CniError when what is there cannot be read. */
  get(network: string, containerId: string, ifname: string): RememberedAttachment | undefined;
  /** `result` is the attachment's, in the version that was spoken. */
  put(attachment: RememberedAttachment, result: JsonObject): void;
  delete(network: string, containerId: string, ifname: string): void;
  list(): readonly RememberedAttachment[];
}

/** What happens, as it happens. */
export type CniEvent =
  | { readonly type: 'version'; readonly network: NetworkConfig; readonly version: string }
  | {
      readonly type: 'request';
      readonly request: PluginRequest;
      readonly executable: string;
      /** Counted from one, in the order of the chain. */
      readonly position: number;
      readonly of: number;
    }
  | { readonly type: 'answer'; readonly request: PluginRequest; readonly run: PluginRun; readonly result?: CniResult }
  | { readonly type: 'note'; readonly text: string };

export interface GcReport {
  readonly kept: readonly ValidAttachment[];
  readonly deleted: readonly ValidAttachment[];
  /** Whether the plugins themselves were told; only 1.1 knows GC. */
  readonly asked: boolean;
}

export class CniRuntime {
  readonly #runner: PluginRunner;
  readonly #store: AttachmentStore;
  readonly #tell: (event: CniEvent) => void;

  constructor(runner: PluginRunner, store: AttachmentStore, tell: (event: CniEvent) => void = () => {}) {
    this.#runner = runner;
    this.#store = store;
    this.#tell = tell;
  }

  /**
   * Attaches a container. When a plugin fails, those that ran are told DEL, in reverse, unless `undo` is false.
   * @returns the last plugin's result. @throws CniError of the plugin that failed, or of a request against the rules.
   */
  async add(network: NetworkConfig, attachment: Attachment, options: { undo?: boolean } = {}): Promise<CniResult> {
    checkAttachment(attachment);
    if (attachment.netns === '') throw badRequest('missing network namespace: ADD needs one', cniCodes.badEnvironment);
    const { containerId, ifname } = attachment;
    if (this.#store.get(network.name, containerId, ifname)) {
      throw badRequest(
        `container ${containerId} has ${ifname} in network ${network.name} already: a runtime must not ADD twice without a DEL between`,
        cniCodes.badEnvironment,
      );
    }
    // Before anything is made: a plugin that is missing leaves nothing half done.
    for (const { type } of network.plugins) this.#runner.find(type);
    const version = await this.#version(network);
    const started: PluginConfig[] = [];
    let result: CniResult | undefined;
    try {
      for (const plugin of network.plugins) {
        started.push(plugin);
        const previous = result && resultAs(result, version);
        const request = attachmentRequest('ADD', network, version, plugin, attachment, previous, this.#runner.path);
        result = await this.#run(network, plugin, request, (run) => addAnswer(request, run, version));
      }
      if (!result) throw badRequest('no plugins in list');
      const answer = resultAs(result, version);
      this.#store.put({ ...attachment, network: network.name, config: network.text, result }, answer);
      return answer as CniResult;
    } catch (error) {
      if (started.length === 0 || options.undo === false) throw error;
      throw await this.#undone(error, network, version, started, attachment);
    }
  }

  /** Detaches a container; once more is no error. @throws CniError of the plugin that failed, the rest untouched. */
  async del(network: NetworkConfig, attachment: Attachment): Promise<void> {
    checkAttachment(attachment);
    const { containerId, ifname } = attachment;
    const version = await this.#version(network);
    let remembered: RememberedAttachment | undefined;
    try {
      remembered = this.#store.get(network.name, containerId, ifname);
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      // Upstream too goes on without it: plugins clean up what they can.
      this.#tell({ type: 'note', text: `${error.message}; going on without the earlier result` });
    }
    // Before 0.4 DEL knew no result.
    const previous = remembered && atLeast(version, '0.4.0') ? resultAs(remembered.result, version) : undefined;
    for (const plugin of [...network.plugins].reverse()) {
      const request = attachmentRequest('DEL', network, version, plugin, attachment, previous, this.#runner.path);
      await this.#run(network, plugin, request, (run) => emptyAnswer(request, run));
    }
    this.#store.delete(network.name, containerId, ifname);
  }

  /**
   * Asks the plugins whether all is as ADD left it.
   * @returns why they were not asked, where the configuration forbids it. @throws CniError of the first plugin that objects.
   */
  async check(network: NetworkConfig, attachment: Attachment): Promise<{ readonly skipped?: string }> {
    checkAttachment(attachment);
    const { containerId, ifname } = attachment;
    const version = await this.#version(network);
    if (!atLeast(version, '0.4.0')) {
      throw badRequest(
        `configuration version ${JSON.stringify(version)} does not support the CHECK command: 0.4.0 and later do`,
        cniCodes.incompatibleVersion,
      );
    }
    if (network.disableCheck) return { skipped: `network ${network.name} says disableCheck` };
    const remembered = this.#store.get(network.name, containerId, ifname);
    if (!remembered) {
      throw badRequest(
        `container ${containerId} has no ${ifname} in network ${network.name}: CHECK compares with what ADD answered, and nothing was added`,
        cniCodes.unknownContainer,
      );
    }
    const previous = resultAs(remembered.result, version);
    for (const plugin of network.plugins) {
      const request = attachmentRequest('CHECK', network, version, plugin, attachment, previous, this.#runner.path);
      await this.#run(network, plugin, request, (run) => emptyAnswer(request, run));
    }
    return {};
  }

  /** @returns why the plugins were not asked. @throws CniError (50 or 51 among others) of the first that is not ready. */
  async status(network: NetworkConfig): Promise<{ readonly skipped?: string }> {
    const version = await this.#version(network);
    if (!atLeast(version, '1.1.0'))
      return { skipped: `STATUS came with 1.1.0; network ${network.name} is of ${version}` };
    for (const plugin of network.plugins) {
      const request = networkRequest('STATUS', network, version, plugin, this.#runner.path);
      await this.#run(network, plugin, request, (run) => emptyAnswer(request, run));
    }
    return {};
  }

  /**
   * Removes what attachments left behind that are no longer valid: DEL for those remembered, then GC of each plugin (1.1).
   * @throws CniError with all that failed, after everything was tried.
   */
  async gc(network: NetworkConfig, valid: readonly ValidAttachment[]): Promise<GcReport> {
    if (network.disableGC) throw badRequest(`network ${network.name} says disableGC`);
    const version = await this.#version(network);
    const wanted = new Set(valid.map(({ containerID, ifname }) => `${containerID} ${ifname}`));
    const deleted: ValidAttachment[] = [];
    const errors: CniError[] = [];
    const attempt = async (what: string, act: () => Promise<unknown>) => {
      try {
        await act();
        return true;
      } catch (error) {
        if (!(error instanceof CniError)) throw error;
        errors.push(new CniError(`${what}: ${error.message}`, error.detail));
        return false;
      }
    };
    for (const stale of this.#store.list()) {
      const { containerId, ifname } = stale;
      if (stale.network !== network.name || wanted.has(`${containerId} ${ifname}`)) continue;
      const gone = await attempt(`stale attachment ${containerId} ${ifname}`, () => this.del(network, stale));
      if (gone) deleted.push({ containerID: containerId, ifname });
    }
    const asked = atLeast(version, '1.1.0');
    if (asked) {
      for (const plugin of network.plugins) {
        const request = networkRequest('GC', network, version, plugin, this.#runner.path, valid);
        await attempt('GC', () => this.#run(network, plugin, request, (run) => emptyAnswer(request, run)));
      }
    }
    const [first] = errors;
    if (first) throw new CniError(errors.map(({ message }) => message).join('\n'), first.detail);
    return { kept: valid, deleted, asked };
  }

  /** What each plugin supports. @throws CniError of the first that cannot say. */
  async versions(
    types: readonly string[],
  ): Promise<{ readonly type: string; readonly supported: readonly string[] }[]> {
    const out = [];
    for (const type of new Set(types)) {
      const request = versionRequest(type, cniVersions.at(-1)!);
      const run = await this.#runner.run(this.#runner.find(type), request);
      out.push({ type, supported: versionAnswer(request, run) });
    }
    return out;
  }

  /** Plugins are asked only where there is a choice. */
  async #version(network: NetworkConfig): Promise<string> {
    const { offeredVersions, plugins } = network;
    const choice = offeredVersions.length > 1;
    const supported = choice ? await this.versions(plugins.map(({ type }) => type)) : [];
    const version = chooseVersion(offeredVersions, supported);
    this.#tell({ type: 'version', network, version });
    return version;
  }

  async #run(
    network: NetworkConfig,
    plugin: PluginConfig,
    request: PluginRequest,
    read: (run: PluginRun) => CniResult | undefined,
  ): Promise<CniResult | undefined> {
    const executable = this.#runner.find(plugin.type);
    const [position, of] = [network.plugins.indexOf(plugin) + 1, network.plugins.length];
    this.#tell({ type: 'request', request, executable, position, of });
    const run = await this.#runner.run(executable, request);
    let result: CniResult | undefined;
    try {
      result = read(run);
    } catch (error) {
      this.#tell({ type: 'answer', request, run });
      throw error;
    }
    this.#tell({ type: 'answer', request, run, ...(result ? { result } : {}) });
    return result;
  }

  /** A container that could not be attached is left as if nothing had been tried. */
  async #undone(
    error: unknown,
    network: NetworkConfig,
    version: string,
    started: readonly PluginConfig[],
    attachment: Attachment,
  ): Promise<unknown> {
    if (!(error instanceof CniError)) return error;
    this.#tell({ type: 'note', text: `${error.message}; the plugins that ran are told DEL, last first` });
    const failures: string[] = [];
    for (const plugin of [...started].reverse()) {
      const request = attachmentRequest('DEL', network, version, plugin, attachment, undefined, this.#runner.path);
      try {
        await this.#run(network, plugin, request, (run) => emptyAnswer(request, run));
      } catch (other) {
        if (!(other instanceof CniError)) throw other;
        failures.push(other.message);
      }
    }
    if (failures.length === 0) return error;
    return new CniError(`${error.message}\nand taking it back failed too: ${failures.join('; ')}`, error.detail);
  }
}
