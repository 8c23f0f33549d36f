/**
 * Manifests as kubectl reads them, all before anything is sent: one document that cannot be read, and nothing is done.
 * Every object keeps file, line and column.
 */
import { isObject } from '../../apimachinery/index.ts';
import { yieldToEventLoop } from '../../base/index.ts';
import { UserError } from '../exit-codes.ts';
import { excerpt, type Manifest, manifestsOf, positionText } from './manifest.ts';
import { readSources, type Source, type SourceOptions } from './sources.ts';
import { readYaml, type YamlProblem } from './yaml.ts';

/** Problems shown before the rest is only counted. */
const problemsMax = 10;

export interface ReadOptions extends SourceOptions {
  /** What did not happen, for errors: `applied`, `deleted`. */
  readonly verb: string;
}

/** @throws UserError naming file, line and column of everything that cannot be read, and that nothing was done. */
export async function readManifests(names: readonly string[], options: ReadOptions): Promise<Manifest[]> {
  return parseManifests(await readSources(names, options), options.verb);
}

export async function parseManifests(sources: readonly Source[], verb: string): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  const problems: { readonly problem: YamlProblem; readonly line: string | undefined }[] = [];
  for (const { name, text } of sources) {
    const lineOf = lineReader(text);
    const { documents, problems: found } = await readYaml(text, name);
    for (const problem of found) problems.push({ problem, line: lineOf(problem.position.line) });
    for (const document of documents) {
      for (const manifest of manifestsOf(document, lineOf)) {
        const reason = missing(manifest.object);
        if (reason === undefined) manifests.push(manifest);
        else {
          const { position } = manifest;
          problems.push({ problem: { position, reason }, line: lineOf(position.line) });
        }
      }
    }
    await yieldToEventLoop();
  }
  if (problems.length > 0) {
    const parts = problems.slice(0, problemsMax).map(({ problem: { position, reason }, line }) => {
      const shown = line === undefined ? '' : `\n${excerpt(line, position)}`;
      return `${positionText(position)}: ${reason}${shown}`;
    });
    const more = problems.length - problemsMax;
    if (more > 0) parts.push(`and ${more} more`);
    throw new UserError(`${parts.join('\n')}\n${fate(manifests.length, verb)}`);
  }
  return manifests;
}

function fate(good: number, verb: string): string {
  if (good === 0) return `nothing was ${verb}`;
  const rest =
    good === 1 ? 'the 1 other object that could be read was' : `the ${good} other objects that could be read were`;
  return `nothing was ${verb}: ${rest} left alone too`;
}

/** Why an object cannot be sent anywhere. Upstream: runtime.UnstructuredJSONScheme. */
function missing(object: unknown): string | undefined {
  if (!isObject(object)) return `a manifest must be an object, not ${JSON.stringify(object)?.slice(0, 60)}`;
  const { kind, apiVersion, metadata } = object as { kind?: unknown; apiVersion?: unknown; metadata?: unknown };
  const what = () => JSON.stringify(object).slice(0, 80);
  if (typeof kind !== 'string' || kind === '') return `Object 'Kind' is missing in '${what()}'`;
  if (typeof apiVersion !== 'string' || apiVersion === '') return `Object 'apiVersion' is missing in '${what()}'`;
  if (metadata === undefined || metadata === null) {
    (object as { metadata: object }).metadata = {};
  } else if (!isObject(metadata)) return `metadata of ${kind} must be an object`;
  return undefined;
}

function lineReader(text: string): (line: number) => string | undefined {
  let lines: string[] | undefined;
  return (line) => {
    lines ??= text.split(/\r?\n/);
    return lines[line - 1];
  };
}
