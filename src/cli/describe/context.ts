/** What describers ask the server for besides the object itself. */
import type { Event } from '../../api/index.ts';
import { escapeFieldValue, isForbidden, isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { itemsOf } from '../get/fetch.ts';
import type { Session } from '../session.ts';

export interface DescribeOptions {
  /** Default true. */
  readonly showEvents?: boolean;
  /** Default 500. */
  readonly chunkSize?: number;
}

export class DescribeContext {
  readonly session: Session;
  readonly options: DescribeOptions;

  constructor(session: Session, options: DescribeOptions) {
    this.session = session;
    this.options = options;
  }

  /** Undefined when the object is not there or may not be read. */
  async get<T extends KubeObject>(word: string, namespace: string, name: string): Promise<Readonly<T> | undefined> {
    try {
      const resource = await this.session.resolve(word);
      const client = this.session.client.resource<T>(resource).namespace(namespace);
      return await client.get(name, { signal: this.session.signal });
    } catch (error) {
      if (isNotFound(error) || isForbidden(error)) return undefined;
      throw error;
    }
  }

  /** Undefined when the kind is not served or may not be listed. */
  async list<T extends KubeObject>(
    word: string,
    namespace: string,
    selectors: { readonly labelSelector?: string; readonly fieldSelector?: string } = {},
  ): Promise<T[] | undefined> {
    const resource = await this.session.find(word);
    if (!resource) return undefined;
    const out: T[] = [];
    try {
      const client = this.session.client.resource<T>(resource).namespace(namespace);
      const { signal } = this.session;
      for await (const page of client.pages({ ...selectors, limit: this.options.chunkSize, signal })) {
        out.push(...(itemsOf(page) as T[]));
      }
    } catch (error) {
      if (isForbidden(error) || isNotFound(error)) return undefined;
      throw error;
    }
    return out;
  }

  /** Events about an object; undefined when they are not wanted or cannot be had. */
  async events(object: Readonly<KubeObject>, uid = object.metadata.uid): Promise<Event[] | undefined> {
    if (this.options.showEvents === false) return undefined;
    const { name = '', namespace = '' } = object.metadata;
    const terms = [
      `involvedObject.name=${escapeFieldValue(name)}`,
      `involvedObject.namespace=${escapeFieldValue(namespace)}`,
      // A pod's events name it in several ways; its uid is enough.
      ...(object.kind === 'Pod' ? [] : [`involvedObject.kind=${object.kind}`]),
      ...(uid ? [`involvedObject.uid=${escapeFieldValue(uid)}`] : []),
    ];
    return this.list<Event>('events.v1.', namespace, { fieldSelector: terms.join(',') });
  }
}
