/**
 * `klab edit`: objects in the user's editor, again and again until the server takes them or the user gives up.
 * Upstream: kubectl/pkg/cmd/util/editor/editoptions.go.
 */
import { existsSync, rmSync } from 'node:fs';
import {
  createMergePatch,
  createTwoWayStrategicMergePatch,
  deepEqual,
  encodeYaml,
  formatJson,
  isInvalid,
  isNotFound,
  type KubeObject,
  StatusError,
  withMetadata,
} from '../../apimachinery/index.ts';
import { builtinTypeOf, lastAppliedAnnotation, modifiedConfiguration } from '../apply/client-side.ts';
import { UserError } from '../exit-codes.ts';
import { readYaml } from '../manifests/yaml.ts';
import { compactJson } from '../printers/object-printer.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseValidation } from '../write/dry-run.ts';
import type { FileFlags, PrintFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type LiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import {
  type EditMode,
  type EditReason,
  hasLines,
  headerText,
  meaningOf,
  objectsOf,
  toCrlf,
  withoutCommentLines,
} from './edit-text.ts';
import { editFile, writeEditFile } from './editor.ts';

export interface EditFlags extends SessionRequest, FileFlags, PrintFlags {
  readonly 'output-patch'?: boolean;
  readonly subresource?: string;
  readonly 'save-config'?: boolean;
  readonly validate?: string;
  readonly 'field-manager'?: string;
  readonly 'windows-line-endings'?: boolean;
}

/** An object to be edited, and how it is named and sent. */
export type Editable = Pick<LiveObject, 'resource' | 'namespace' | 'name' | 'object' | 'calls'>;

/** @returns false when it ended in a failure that was told. */
export async function editObjects(
  words: readonly string[],
  flags: EditFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<boolean> {
  const manifests = await readFileFlags(flags, 'edited', io.signal);
  const opened = await session();
  const found: Editable[] = [];
  await eachLiveObject(opened, { command: 'edit', words, manifests }, async (live) => {
    const { subresource } = flags;
    const object = subresource ? await live.calls.getSubresource(live.name, subresource) : live.object;
    found.push({ ...live, object });
  });
  if (found.length === 0) throw new UserError('edit cancelled, no objects found');
  return new EditSession('edit', found, flags, opened, io).run();
}

/** `create --edit`: the object as the user leaves it is created. */
export function editBeforeCreate(
  editable: Editable,
  flags: EditFlags,
  session: Session,
  io: WriteIo,
): Promise<boolean> {
  return new EditSession('create', [editable], flags, session, io).run();
}

/** `apply edit-last-applied`: the annotation's content is edited, nothing else. */
export async function editLastApplied(
  words: readonly string[],
  flags: EditFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<boolean> {
  const manifests = await readFileFlags(flags, 'edited', io.signal);
  const opened = await session();
  const found: Editable[] = [];
  await eachLiveObject(opened, { command: 'apply edit-last-applied', words, manifests }, (live) => {
    const text = live.object.metadata.annotations?.[lastAppliedAnnotation];
    if (text !== undefined) found.push({ ...live, object: JSON.parse(text) });
  });
  if (found.length === 0) {
    throw new UserError(
      'no last-applied-configuration annotation found on resources, to create the annotation, use command `klab apply set-last-applied --create-annotation`',
    );
  }
  return new EditSession('last-applied', found, flags, opened, io).run();
}

/** What the last look at the file led to. */
interface Results {
  readonly reasons: EditReason[];
  retryable: number;
  notFound: number;
  invalid: number;
  file: string;
}

class EditSession {
  readonly #mode: EditMode;
  readonly #objects: readonly Editable[];
  readonly #flags: EditFlags;
  readonly #session: Session;
  readonly #io: WriteIo;
  readonly #json: boolean;
  readonly #validation: 'Strict' | 'Warn' | 'Ignore';
  /** managedFields are not shown; they go back before differences are computed. */
  readonly #managedFields = new Map<string | undefined, KubeObject['metadata']['managedFields']>();

  constructor(mode: EditMode, objects: readonly Editable[], flags: EditFlags, session: Session, io: WriteIo) {
    this.#mode = mode;
    this.#objects = objects;
    this.#flags = flags;
    this.#session = session;
    this.#io = io;
    this.#validation = parseValidation(flags.validate);
    const format = flags.output || 'yaml';
    if (format !== 'json' && format !== 'yaml') {
      throw new UserError(
        `unable to match a printer suitable for the output format ${JSON.stringify(format)}, allowed formats are: json,yaml`,
      );
    }
    this.#json = format === 'json';
    for (const { object } of objects) this.#managedFields.set(object.metadata.uid, object.metadata.managedFields);
  }

  async run(): Promise<boolean> {
    const original = this.#fileText(this.#originalText(), []);
    let results: Results = { reasons: [], retryable: 0, notFound: 0, invalid: 0, file: '' };
    let edited: string | undefined;
    for (;;) {
      this.#io.signal?.throwIfAborted();
      const text = edited === undefined ? original : this.#headed(results.reasons) + withoutCommentLines(edited);
      const former = edited;
      const file = writeEditFile(text, this.#json ? '.json' : '.yaml');
      try {
        edited = editFile(file);
      } catch (error) {
        throw this.#kept(error as Error, results.file);
      }
      if (former !== undefined && meaningOf(former) === meaningOf(edited)) {
        throw this.#kept(new UserError('Edit cancelled, no valid changes were saved.'), file);
      }
      if (results.file !== '') rmSync(results.file, { force: true });
      results = { reasons: [], retryable: 0, notFound: 0, invalid: 0, file };
      const problem = this.#validation === 'Ignore' ? undefined : await this.#problemOf(edited);
      if (problem !== undefined) {
        const { resource, name } = this.#objects[0]!;
        const reason = `<nil>: Invalid value: "The edited file failed validation": ${problem}`;
        this.#addInvalid(results, this.#named(resource, name), [reason]);
        continue;
      }
      if (meaningOf(original) === meaningOf(edited)) return this.#cancelled(file, 'no changes made');
      if (!hasLines(edited)) return this.#cancelled(file, 'saved file was empty');
      let objects: KubeObject[];
      try {
        objects = await this.#parse(edited);
      } catch (error) {
        results.reasons.push({ head: `The edited file had a syntax error: ${(error as Error).message}`, other: [] });
        continue;
      }
      try {
        await this.#send(objects, results);
      } catch (error) {
        throw this.#kept(error as Error, file);
      }
      if (results.retryable > 0) {
        this.#io.say(`You can run \`klab replace -f ${file}\` to try this update again.`);
        return false;
      }
      if (results.notFound > 0) {
        this.#io.say(`The edits you made on deleted resources have been saved to ${JSON.stringify(file)}`);
        return false;
      }
      if (results.invalid === 0) {
        rmSync(file, { force: true });
        return true;
      }
    }
  }

  #originalText(): string {
    const shown = this.#objects.map(({ object }) => withMetadata(object, { managedFields: undefined }));
    const value = shown.length === 1 ? shown[0]! : { apiVersion: 'v1', items: shown, kind: 'List', metadata: {} };
    return this.#json ? `${formatJson(value)}\n` : encodeYaml(value);
  }

  #fileText(body: string, reasons: readonly EditReason[]): string {
    return this.#headed(reasons) + this.#lineEnds(body);
  }

  /** JSON has no comments. */
  #headed(reasons: readonly EditReason[]): string {
    return this.#json ? '' : this.#lineEnds(headerText(reasons, this.#mode));
  }

  #lineEnds(text: string): string {
    return (this.#flags['windows-line-endings'] ?? process.platform === 'win32') ? toCrlf(text) : text;
  }

  #cancelled(file: string, why: string): true {
    rmSync(file, { force: true });
    this.#io.say(`Edit cancelled, ${why}.`);
    return true;
  }

  /** Names the file that holds the user's work before the error is told. */
  #kept(error: Error, file: string): Error {
    if (file !== '' && existsSync(file)) {
      this.#io.say(`A copy of your changes has been stored to ${JSON.stringify(file)}`);
    }
    return error;
  }

  /** What makes a text no object; undefined for a good one. */
  async #problemOf(text: string): Promise<string | undefined> {
    if (!hasLines(text)) return 'invalid object to validate';
    try {
      await this.#parse(text);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** @throws Error in the words of Go's YAML reader. */
  async #parse(text: string): Promise<KubeObject[]> {
    const { documents, problems } = await readYaml(text, 'edited-file');
    const [problem] = problems;
    if (problem) throw new Error(`yaml: line ${problem.position.line}: ${problem.reason}`);
    return documents.flatMap(({ value }) => objectsOf(value));
  }

  #named(resource: Editable['resource'], name: string): string {
    const { group, plural } = resource;
    return `${group === '' ? plural : `${plural}.${group}`} ${JSON.stringify(name)}`;
  }

  #addInvalid(results: Results, what: string, other: readonly string[]): void {
    results.invalid++;
    results.reasons.push({ head: `${what} was not valid`, other });
    this.#io.say(`error: ${what} is invalid`);
  }

  #addError(results: Results, error: StatusError, { resource, name }: Editable): void {
    const what = this.#named(resource, name);
    const { message = '', details } = error.status;
    if (isInvalid(error)) {
      const causes = details?.causes ?? [];
      this.#addInvalid(
        results,
        what,
        causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`),
      );
    } else if (isNotFound(error)) {
      results.notFound++;
      this.#io.say(`error: ${what} could not be found on the server`);
    } else {
      results.retryable++;
      this.#io.say(`error: ${what} could not be patched: ${message}`);
    }
  }

  #print(object: Readonly<KubeObject>, operation: string): void {
    new ResultPrinter(this.#flags, 'none', this.#io.write).print(object, operation);
  }

  async #send(objects: readonly KubeObject[], results: Results): Promise<void> {
    const { namespace, namespaceGiven } = this.#session;
    for (const { metadata } of objects) {
      if (metadata.namespace && namespaceGiven && metadata.namespace !== namespace) {
        throw new UserError(
          `the namespace from the provided object "${metadata.namespace}" does not match the namespace "${namespace}". You must pass '--namespace=${metadata.namespace}' to perform this operation.`,
        );
      }
    }
    for (const object of objects) {
      const full = withMetadata(object, { managedFields: this.#managedFields.get(object.metadata.uid) });
      const after = this.#flags['save-config'] ? modifiedConfiguration(full) : full;
      if (this.#mode === 'create') await this.#create(after);
      else await this.#change(after, results);
    }
  }

  async #create(object: KubeObject): Promise<void> {
    const { calls } = this.#objects[0]!;
    const made = await calls.create(object, {
      fieldManager: this.#flags['field-manager'],
      fieldValidation: this.#validation,
      signal: this.#io.signal,
    });
    this.#print(made, 'created');
  }

  async #change(after: KubeObject, results: Results): Promise<void> {
    const { uid } = after.metadata;
    const live = this.#objects.find(({ object }) => object.metadata.uid === uid);
    if (!live) {
      throw new UserError(`no original object found for ${after.kind.toLowerCase()}/${after.metadata.name ?? ''}`);
    }
    if (deepEqual(live.object, after)) {
      this.#print(after, 'skipped');
      return;
    }
    const options = {
      fieldManager: this.#flags['field-manager'],
      fieldValidation: this.#validation,
      subresource: this.#flags.subresource || undefined,
      signal: this.#io.signal,
    };
    if (this.#mode === 'last-applied') {
      const patch = { metadata: { annotations: { [lastAppliedAnnotation]: `${compactJson(after)}\n` } } };
      await live.calls.patch(live.name, 'merge', patch, options);
      this.#print(after, 'edited');
      return;
    }
    const type = await builtinTypeOf(live.resource);
    const patch = (
      type
        ? createTwoWayStrategicMergePatch(live.object, after, type.schema, type.schemas)
        : createMergePatch(live.object, after)
    ) as Record<string, any>;
    if ('apiVersion' in patch || 'kind' in patch || (patch['metadata'] && 'name' in patch['metadata'])) {
      throw new UserError('At least one of apiVersion, kind and name was changed');
    }
    if (this.#flags['output-patch']) this.#io.write(`Patch: ${compactJson(patch)}\n`);
    try {
      const calls = live.calls;
      this.#print(await calls.patch(live.name, type ? 'strategic' : 'merge', patch, options), 'edited');
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#addError(results, error, live);
    }
  }
}
