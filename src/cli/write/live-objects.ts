/** The objects that words, files or selectors name, as they are on the server. Upstream: cli-runtime/pkg/resource/builder.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { ResourceClient, ResourceDescription } from '../../client/index.ts';
import { targetOf } from '../apply/target.ts';
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import type { Manifest } from '../manifests/manifest.ts';
import { selectResources } from '../resource-args.ts';
import type { Session } from '../session.ts';

export interface LiveRequest {
  /** For texts of errors. */
  readonly command: string;
  readonly words: readonly string[];
  readonly manifests?: readonly Manifest[];
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly all?: boolean;
  /** A type without names means all of its objects. */
  readonly kindAlone?: boolean;
  readonly allNamespaces?: boolean;
}

export interface LiveObject {
  readonly resource: ResourceDescription;
  readonly namespace: string;
  readonly name: string;
  readonly object: KubeObject;
  readonly calls: ResourceClient;
}

/** Fetches all of them; those that are not there are errors, told after `each` was called for the others. */
export async function eachLiveObject(
  session: Session,
  request: LiveRequest,
  each: (live: LiveObject) => Promise<void> | void,
): Promise<number> {
  const errors: Error[] = [];
  let count = 0;
  const attempt = async (work: () => Promise<void> | void) => {
    try {
      await work();
    } catch (error) {
      session.signal?.throwIfAborted();
      errors.push(...(error instanceof ManyErrors ? error.errors : [error as Error]));
    }
  };
  const visit = async (resource: ResourceDescription, namespace: string, name: string, listed?: KubeObject) => {
    const calls = session.client.resource(resource).namespace(namespace);
    const object = listed ?? (await calls.get(name, { signal: session.signal }));
    count++;
    await each({ resource, namespace, name, object: object as KubeObject, calls });
  };
  if (request.manifests) {
    for (const manifest of request.manifests) {
      await attempt(async () => {
        const { resource, namespace, name } = await targetOf(session, manifest);
        await visit(resource, namespace, name);
      });
    }
  } else {
    const selection = await selectResources(session, request.words, {
      command: request.command,
      labelSelector: request.selector,
      fieldSelector: request.fieldSelector,
      all: request.all,
      kindAlone: request.kindAlone,
      allNamespaces: request.allNamespaces,
    });
    for (const { resource, namespace, name } of selection.targets) {
      if (name !== undefined) {
        await attempt(() => visit(resource, namespace, name));
        continue;
      }
      await attempt(async () => {
        const calls = session.client.resource(resource).namespace(namespace);
        const { labelSelector, fieldSelector } = selection;
        for await (const page of calls.pages({ labelSelector, fieldSelector, signal: session.signal })) {
          for (const item of page.items) {
            const object = { ...typeOf(resource), ...item } as KubeObject;
            await attempt(() => visit(resource, item.metadata.namespace ?? '', item.metadata.name!, object));
          }
        }
      });
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
  return count;
}

/** The one object that is meant. @throws UserError when there are several. */
export async function oneLiveObject(session: Session, request: LiveRequest, many: string): Promise<LiveObject> {
  const found: LiveObject[] = [];
  await eachLiveObject(session, request, (live) => void found.push(live));
  if (found.length !== 1) throw new UserError(many);
  return found[0]!;
}

function typeOf({ group, version, kind }: ResourceDescription) {
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind };
}

/** `deploy web a=b c-` → what is named, and what is to change. @throws UserError when they are mixed up. */
export function splitPairs(words: readonly string[], what: string): { resources: string[]; pairs: string[] } {
  const resources: string[] = [];
  const pairs: string[] = [];
  for (const word of words) {
    const isPair = (word.includes('=') && !word.startsWith('=')) || (word.endsWith('-') && word.length > 1);
    if (isPair) pairs.push(word);
    else if (pairs.length === 0) resources.push(word);
    else throw new UserError(`all resources must be specified before ${what} changes: ${word}`);
  }
  return { resources, pairs };
}

export interface Pairs {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** @throws UserError for a broken pair, and for one that is both set and removed. */
export function parsePairs(pairs: readonly string[], what: string): Pairs {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at > 0) set[pair.slice(0, at)] = pair.slice(at + 1);
    else if (pair.endsWith('-')) remove.push(pair.slice(0, -1));
    else throw new UserError(`unknown ${what} spec: ${pair}`);
  }
  const both = remove.filter((key) => Object.hasOwn(set, key));
  if (both.length > 0) {
    throw new UserError(
      what === 'label'
        ? 'can not both modify and remove a label in the same command'
        : `can not both modify and remove the following ${what}(s) in the same command: ${both.join(', ')}`,
    );
  }
  return { set, remove };
}
