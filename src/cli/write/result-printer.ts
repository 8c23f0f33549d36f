/**
 * What a writing command says of an object: `deployment.apps/web scaled (server dry run)`, or the object itself.
 * Upstream: cli-runtime/pkg/printers/name.go, genericclioptions/print_flags.go.
 */
import type { KubeObject } from '../../apimachinery/index.ts';
import { ObjectPrinter, objectName } from '../printers/object-printer.ts';
import { parseOutputFormat } from '../printers/output-format.ts';
import type { DryRun } from './dry-run.ts';
import type { PrintFlags } from './flags.ts';

const formats = ['json', 'jsonpath', 'jsonpath-as-json', 'jsonpath-file', 'name', 'yaml'];

export class ResultPrinter {
  readonly #objects: ObjectPrinter | undefined;
  readonly #suffix: string;
  readonly #write: (text: string) => void;

  /** @throws UserError for a format that there is not. */
  constructor(flags: PrintFlags, dryRun: DryRun, write: (text: string) => void) {
    const format = parseOutputFormat(flags.output, {
      template: flags.template,
      allowMissingKeys: flags['allow-missing-template-keys'],
      formats,
    });
    if (format.kind !== 'table') {
      this.#objects = new ObjectPrinter(format, { showManagedFields: flags['show-managed-fields'] });
    }
    this.#suffix = dryRun === 'none' ? '' : dryRun === 'client' ? ' (dry run)' : ' (server dry run)';
    this.#write = write;
  }

  /** True when no format was asked for: lines for people. */
  get plain(): boolean {
    return this.#objects === undefined;
  }

  /** `operation` is the past participle after the name. */
  print(object: Readonly<KubeObject>, operation: string): void {
    this.#write(this.#objects?.text(object) ?? `${objectName(object)} ${operation}${this.#suffix}\n`);
  }
}
