import { ApiCommand, drainNodes, dryRunFlag, Flags } from '../src/cli/index.ts';

export default class Drain extends ApiCommand {
  static override summary = 'Cordon a node and evict its pods.';
  static override usage = 'drain NODE… [flags]';
  static override strict = false;
  static override examples = ['<%= config.bin %> drain node-1 --ignore-daemonsets'];
  static override flags = {
    ...dryRunFlag,
    selector: Flags.string({ char: 'l', summary: 'label selector' }),
    force: Flags.boolean({ summary: 'also pods without a controller' }),
    'ignore-daemonsets': Flags.boolean({ summary: 'leave pods of daemon sets' }),
    'delete-emptydir-data': Flags.boolean({ summary: 'also pods with local data' }),
    'disable-eviction': Flags.boolean({ summary: 'delete instead of evicting' }),
    'grace-period': Flags.integer({ summary: "seconds to end gracefully; -1 the pod's own", default: -1 }),
    timeout: Flags.string({ summary: 'how long; 0 for ever', default: '0s' }),
    'pod-selector': Flags.string({ summary: 'only pods whose labels match' }),
    'skip-wait-for-delete-timeout': Flags.integer({
      summary: 'do not wait for pods that are being deleted for longer, seconds',
      default: 0,
    }),
    'chunk-size': Flags.integer({ summary: 'objects in one answer', default: 500 }),
  };

  async run(): Promise<void> {
    const { flags, words } = await this.parseWords(Drain);
    await drainNodes(words, flags, () => this.session(flags), this.streams);
  }
}
