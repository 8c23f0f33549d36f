/**
 * `klab explain`: fields and their documentation from the server's OpenAPI v3, in kubectl's layout.
 * Upstream: kubectl/pkg/explain/v2 (templates/plaintext.tmpl).
 */
import { isNotFound } from '../apimachinery/index.ts';
import { groupVersionText, type ResourceDescription } from '../client/index.ts';
import { UserError } from './exit-codes.ts';
import type { Session } from './session.ts';

interface OpenApiSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly items?: OpenApiSchema;
  readonly allOf?: readonly OpenApiSchema[];
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, OpenApiSchema>> };
}

export interface ExplainRequest {
  /** `pods`, `deploy.spec.replicas`, `deployments.v1.apps`. */
  readonly word: string;
  readonly recursive: boolean;
  /** `apps/v1`. */
  readonly apiVersion?: string;
}

const widthMax = 76;
const shortEnumMax = 4;

/** @throws UserError for an unknown resource or field, in kubectl's words. */
export async function explain(session: Session, request: ExplainRequest): Promise<string> {
  const { resource, path } = await resourceAndPath(session, request);
  const document = await openApiOf(session, resource);
  return render(document, resource, path, request.recursive);
}

/** The longest beginning of the word that names a resource; the rest is the path. */
async function resourceAndPath(
  session: Session,
  { word, apiVersion }: ExplainRequest,
): Promise<{ resource: ResourceDescription; path: string[] }> {
  const parts = word.split('.');
  if (parts.includes('')) throw new UserError('invalid jsonpath syntax, first node must be field node');
  const [head, ...path] = parts;
  const found = await session.find(head!);
  if (!found) {
    // `gateways.networking.example.com`: a dotted resource.
    for (let end = parts.length; end > 1; end--) {
      const dotted = await session.find(parts.slice(0, end).join('.'));
      if (dotted) return { resource: dotted, path: parts.slice(end) };
    }
    throw new UserError(`the server doesn't have a resource type "${head}"`);
  }
  if (!apiVersion) return { resource: found, path };
  const mapper = await session.mapper();
  const other = mapper.resources.find((row) => row.plural === found.plural && groupVersionText(row) === apiVersion);
  if (!other) throw new UserError(`couldn't find resource for "${apiVersion}, Resource=${found.plural}"`);
  return { resource: other, path };
}

async function openApiOf(session: Session, resource: ResourceDescription): Promise<OpenApiDocument> {
  const { signal } = session;
  const index = await session.client.raw('/openapi/v3', { signal });
  const key = resource.group === '' ? `api/${resource.version}` : `apis/${groupVersionText(resource)}`;
  const url: string | undefined = index.paths?.[key]?.serverRelativeURL;
  if (!url) throw new UserError(`couldn't find resource for "${groupVersionText(resource)}, Kind=${resource.kind}"`);
  const [path, query = ''] = url.split('?');
  try {
    return await session.client.raw(path!, { query: Object.fromEntries(new URLSearchParams(query)), signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // The hash belongs to a document that changed meanwhile.
    return session.client.raw(path!, { signal });
  }
}

class Explainer {
  readonly #schemas: Readonly<Record<string, OpenApiSchema>>;

  constructor(document: OpenApiDocument) {
    this.#schemas = document.components?.schemas ?? {};
  }

  root(resource: ResourceDescription): OpenApiSchema | undefined {
    return Object.values(this.#schemas).find((schema) =>
      schema['x-kubernetes-group-version-kind']?.some(
        ({ group, version, kind }) =>
          group === resource.group && version === resource.version && kind === resource.kind,
      ),
    );
  }

  #refOf(schema: OpenApiSchema): OpenApiSchema | undefined {
    return schema.$ref === undefined ? undefined : this.#schemas[schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)];
  }

  /** The schemas behind one: what it refers to, its items, its values. */
  #inner(schema: OpenApiSchema): OpenApiSchema[] {
    const out: OpenApiSchema[] = [];
    const ref = this.#refOf(schema);
    if (ref) out.push(ref);
    if (schema.items) out.push(schema.items);
    if (typeof schema.additionalProperties === 'object') out.push(schema.additionalProperties);
    out.push(...(schema.allOf ?? []));
    return out;
  }

  /** The schema that has the fields. */
  object(schema: OpenApiSchema): OpenApiSchema | undefined {
    if (schema.properties) return schema;
    for (const inner of this.#inner(schema)) {
      const found = this.object(inner);
      if (found) return found;
    }
    return undefined;
  }

  descriptions(schema: OpenApiSchema): string[] {
    const own = schema.description ? [schema.description] : [];
    return [...own, ...this.#inner(schema).flatMap((inner) => this.descriptions(inner))];
  }

  typeName(schema: OpenApiSchema): string {
    if (schema.items) return `[]${this.typeName(schema.items)}`;
    if (typeof schema.additionalProperties === 'object')
      return `map[string]${this.typeName(schema.additionalProperties)}`;
    if (schema.allOf?.length === 1 && !schema.properties) return this.typeName(schema.allOf[0]!);
    const ref = this.#refOf(schema);
    if (ref?.format === 'date-time') return ref.type ?? 'string';
    if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1)!.split('.').at(-1) || 'Object';
    return schema.type ?? 'Object';
  }

  fields(schema: OpenApiSchema): [string, OpenApiSchema, boolean][] {
    const object = this.object(schema);
    if (!object) return [];
    const required = new Set(object.required);
    return Object.keys(object.properties!)
      .sort()
      .map((name) => [name, object.properties![name]!, required.has(name)]);
  }
}

function render(
  document: OpenApiDocument,
  resource: ResourceDescription,
  path: readonly string[],
  recursive: boolean,
): string {
  const explainer = new Explainer(document);
  const root = explainer.root(resource);
  if (!root) throw new UserError(`couldn't find resource for "${groupVersionText(resource)}, Kind=${resource.kind}"`);
  const out: string[] = [];
  if (resource.group !== '') out.push(`GROUP:      ${resource.group}`);
  out.push(`KIND:       ${resource.kind}`, `VERSION:    ${resource.version}`, '');
  let schema = root;
  for (const name of path) {
    const next = explainer.object(schema)?.properties?.[name];
    if (!next) throw new UserError(`field "${name}" does not exist`);
    schema = next;
  }
  const field = path.at(-1);
  if (field !== undefined) {
    out.push(`FIELD: ${field} <${explainer.typeName(schema)}>`);
    if (schema.enum) out.push('ENUM:', ...schema.enum.map((value) => `    ${String(value)}`), '');
    else out.push('', '');
  }
  const descriptions = explainer.descriptions(schema);
  out.push(
    'DESCRIPTION:',
    ...(descriptions.length > 0 ? descriptions.flatMap((text) => wrap(text)) : ['    <empty>']),
    '    ',
  );
  const fields = explainer.fields(schema);
  if (fields.length > 0) {
    out.push('FIELDS:');
    for (const [name, inner, required] of fields) {
      if (recursive) fieldTree(explainer, name, inner, required, '  ', [explainer.object(schema)!], out);
      else out.push(...fieldHead(explainer, name, inner, required, '  '), ...fieldText(inner), '');
    }
  }
  out.push('');
  return `${out.join('\n')}\n`;
}

function fieldHead(
  explainer: Explainer,
  name: string,
  schema: OpenApiSchema,
  required: boolean,
  indent: string,
): string[] {
  const lines = [`${indent}${name}\t<${explainer.typeName(schema)}>${required ? ' -required-' : ''}`];
  if (schema.enum) {
    const shown = schema.enum
      .slice(0, shortEnumMax)
      .map((value) => String(value) || '""')
      .join(', ');
    lines.push(`${indent}enum: ${shown}${schema.enum.length > shortEnumMax ? ', ....' : ''}`);
  }
  return lines;
}

function fieldText(schema: OpenApiSchema): string[] {
  return schema.description ? wrap(schema.description) : ['    <no description>'];
}

/** A type inside itself is named, not opened again. */
function fieldTree(
  explainer: Explainer,
  name: string,
  schema: OpenApiSchema,
  required: boolean,
  indent: string,
  opened: readonly OpenApiSchema[],
  out: string[],
): void {
  out.push(...fieldHead(explainer, name, schema, required, indent));
  const object = explainer.object(schema);
  if (!object || opened.includes(object)) return;
  for (const [inner, innerSchema, innerRequired] of explainer.fields(schema)) {
    fieldTree(explainer, inner, innerSchema, innerRequired, `${indent}  `, [...opened, object], out);
  }
}

/** Lines of at most 80 cells with their indent; words are never broken. */
function wrap(text: string): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    // A word with the spaces before it; those at a line's break go.
    for (const word of paragraph.match(/\s*\S+/g) ?? []) {
      if (line !== '' && line.length + word.length > widthMax) {
        lines.push(line);
        line = word.trimStart();
      } else line += word;
    }
    return [...lines, line].map((wrapped) => `    ${wrapped}`);
  });
}
