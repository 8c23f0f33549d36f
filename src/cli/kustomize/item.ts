/** An object on its way through a kustomization. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { Manifest } from '../manifests/manifest.ts';

export interface Item {
  /** Own copy: transformers change it in place. */
  object: KubeObject;
  /** Where it came from. */
  readonly manifest: Manifest;
  /** Every name it had before its current one, oldest first: patches and references may use any of them. */
  readonly names: string[];
  /** Generated: its name gets the hash of its content. */
  needsHash: boolean;
}

export function rename(item: Item, name: string): void {
  const { metadata } = item.object;
  if (metadata.name === name) return;
  item.names.push(metadata.name ?? '');
  metadata.name = name;
}

/** Whether the item has or had that name. */
export function isNamed(item: Item, name: string): boolean {
  return item.object.metadata.name === name || item.names.includes(name);
}

export function groupOf(object: { readonly apiVersion: string }): string {
  const slash = object.apiVersion.indexOf('/');
  return slash < 0 ? '' : object.apiVersion.slice(0, slash);
}

export function versionOf(object: { readonly apiVersion: string }): string {
  return object.apiVersion.slice(object.apiVersion.indexOf('/') + 1);
}

/** kustomize's text of an object's identity: `Deployment.v1.apps/web.[noNs]`. */
export function idText(object: KubeObject): string {
  const group = groupOf(object) || '[noGrp]';
  const { name = '[noName]', namespace = '[noNs]' } = object.metadata;
  return `${object.kind}.${versionOf(object)}.${group}/${name}.${namespace}`;
}
