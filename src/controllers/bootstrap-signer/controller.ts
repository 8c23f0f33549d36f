/**
 * Signs the kubeconfig in ConfigMap kube-public/cluster-info with every bootstrap token, so that who has one can trust
 * it. Off unless asked for. Upstream: pkg/controller/bootstrap/bootstrapsigner.go, cluster-bootstrap/token/jws (1.36).
 */
import { createHmac } from 'node:crypto';
import type { ConfigMap, Secret } from '../../api/index.ts';
import { isConflict, isNotFound } from '../../apimachinery/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import { isBootstrapToken, signingToken, tokenNamespace } from '../common/bootstrap-tokens.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const target = { namespace: 'kube-public', name: 'cluster-info' };
const contentKey = 'kubeconfig';
const signaturePrefix = 'jws-kubeconfig-';
const names = {
  name: 'bootstrap-signer-controller',
  serviceAccount: 'bootstrap-signer',
  component: 'bootstrap-signer',
} as const;

export class BootstrapSignerController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #configMaps: SharedInformer<ConfigMap>;
  readonly #secrets: SharedInformer<Secret>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'bootstrap_signer_queue' });
    this.#configMaps = context.informers.informer<ConfigMap>('configmaps');
    this.#secrets = context.informers.informer<Secret>('secrets');
    const poke = (cause: RequestCause) => this.#queue.add(`${target.namespace}/${target.name}`, cause);
    const configMapSeen = (object: Readonly<ConfigMap>) => {
      const { namespace, name } = object.metadata;
      if (namespace === target.namespace && name === target.name) poke(causeOf(this.#configMaps.resource, object));
    };
    this.#configMaps.addHandler({ onAdd: configMapSeen, onUpdate: (_, object) => configMapSeen(object) });
    const secretSeen = (secret: Readonly<Secret>) => {
      if (isBootstrapToken(secret)) poke(causeOf(this.#secrets.resource, secret));
    };
    this.#secrets.addHandler({ onAdd: secretSeen, onUpdate: (_, secret) => secretSeen(secret), onDelete: secretSeen });
  }

  run(signal: AbortSignal): Promise<void> {
    const informers = [this.#configMaps, this.#secrets];
    const queues = [{ queue: this.#queue, workers: 1, reconcile: () => this.#sign() }];
    return runController({ log: this.#base.log, informers, queues }, signal);
  }

  async #sign(): Promise<void> {
    const current = this.#configMaps.lister.get(target.namespace, target.name);
    const content = current?.data?.[contentKey];
    if (!current || content === undefined) return;
    const others = Object.entries(current.data!).filter(([key]) => !key.startsWith(signaturePrefix));
    const data = Object.fromEntries([...others, ...this.#signatures(content)]);
    const keys = Object.keys(data);
    const same =
      keys.length === Object.keys(current.data!).length && keys.every((key) => data[key] === current.data![key]);
    if (same) return;
    try {
      await this.#base.client
        .resource<ConfigMap>('configmaps')
        .namespace(target.namespace)
        .update({ ...current, data });
    } catch (error) {
      // A newer one is on its way and comes back here.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  #signatures(content: string): Map<string, string> {
    const signatures = new Map<string, string>();
    for (const secret of this.#secrets.lister.list(tokenNamespace)) {
      const token = isBootstrapToken(secret) ? signingToken(secret, this.#context.clock.now()) : undefined;
      if (!token || signatures.has(signaturePrefix + token.id)) continue;
      signatures.set(signaturePrefix + token.id, detachedSignature(content, token));
    }
    return signatures;
  }
}

/** A compact JWS (HS256) without its payload. */
function detachedSignature(content: string, token: { readonly id: string; readonly secret: string }): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: token.id })).toString('base64url');
  const input = `${header}.${Buffer.from(content).toString('base64url')}`;
  return `${header}..${createHmac('sha256', token.secret).update(input).digest('base64url')}`;
}
