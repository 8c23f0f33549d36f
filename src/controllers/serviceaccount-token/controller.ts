/**
 * Fills Secrets of type kubernetes.io/service-account-token, and deletes those whose account has gone.
 * Upstream: pkg/controller/serviceaccount/tokens_controller.go, pkg/serviceaccount/legacy.go (1.36).
 */
import type { Secret, ServiceAccount } from '../../api/index.ts';
import { isConflict, isNotFound } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerContext,
  rootIdentity,
  runController,
  type TokenGenerator,
} from '../common/controller.ts';
import { serviceAccountNameAnnotation, serviceAccountUidAnnotation, tokenSecretType } from '../common/token-secrets.ts';

const workers = 5;
const maxRetries = 10;
/** `iss` of tokens that live as long as their Secret. */
const legacyIssuer = 'kubernetes/serviceaccount';

type Reference = Readonly<{ namespace: string; name: string; uid: string; account: string; accountUid: string }>;

const keyOf = (reference: Reference) => JSON.stringify(reference);

export class ServiceAccountTokenController implements Controller {
  readonly name = 'serviceaccount-token-controller';
  readonly identity = rootIdentity;
  readonly #context: ControllerContext;
  readonly #generate: TokenGenerator;
  readonly #accounts: SharedInformer<ServiceAccount>;
  readonly #secrets: SharedInformer<Secret>;
  readonly #accountQueue: Workqueue;
  readonly #secretQueue: Workqueue;

  constructor(context: ControllerContext, generate: TokenGenerator) {
    this.#context = context;
    this.#generate = generate;
    this.#accounts = context.informers.informer<ServiceAccount>('serviceaccounts');
    this.#secrets = context.informers.informer<Secret>('secrets');
    this.#secrets.addIndexers({ tokenOf: (secret) => tokenOf(secret) });
    this.#accountQueue = new Workqueue(context, { name: 'serviceaccount_tokens_service' });
    this.#secretQueue = new Workqueue(context, { name: 'serviceaccount_tokens_secret' });
    this.#accounts.addHandler({
      onDelete: (account) => {
        const { namespace = '', name = '', uid = '' } = account.metadata;
        const key = keyOf({ namespace, name: '', uid: '', account: name, accountUid: uid });
        this.#accountQueue.add(key, causeOf(this.#accounts.resource, account));
      },
    });
    const seen = (secret: Readonly<Secret>) => {
      if (secret.type !== tokenSecretType) return;
      const { namespace = '', name = '', uid = '', annotations } = secret.metadata;
      const account = annotations?.[serviceAccountNameAnnotation];
      if (!account) return;
      const accountUid = annotations[serviceAccountUidAnnotation] ?? '';
      this.#secretQueue.add(
        keyOf({ namespace, name, uid, account, accountUid }),
        causeOf(this.#secrets.resource, secret),
      );
    };
    this.#secrets.addHandler({ onAdd: seen, onUpdate: (_, secret) => seen(secret), onDelete: seen });
  }

  run(signal: AbortSignal): Promise<void> {
    const informers = [this.#accounts, this.#secrets];
    const log = this.#context.log.child(this.name);
    const queues = [
      {
        queue: this.#accountQueue,
        workers,
        maxRetries,
        reconcile: (key: string) => this.#accountGone(JSON.parse(key)),
      },
      { queue: this.#secretQueue, workers, maxRetries, reconcile: (key: string) => this.#syncSecret(JSON.parse(key)) },
    ];
    return runController({ log, informers, queues }, signal);
  }

  #client<T extends Secret | ServiceAccount>(resource: string, namespace: string) {
    return this.#context.rootClient.resource<T>(resource).namespace(namespace);
  }

  async #accountGone({ namespace, account, accountUid }: Reference): Promise<void> {
    const found = this.#accounts.lister.get(namespace, account);
    if (found && found.metadata.uid === accountUid) return;
    for (const secret of this.#secrets.lister.byIndex('tokenOf', `${namespace}/${account}`)) {
      const uid = secret.metadata.annotations?.[serviceAccountUidAnnotation];
      if (!uid || uid === accountUid) await this.#delete(secret);
    }
  }

  async #syncSecret(reference: Reference): Promise<void> {
    const { namespace, name, uid, account: accountName, accountUid } = reference;
    const cached = this.#secrets.lister.get(namespace, name);
    if (!cached || cached.metadata.uid !== uid) {
      await this.#removeReference(reference);
      return;
    }
    const account = await this.#account(namespace, accountName, accountUid);
    if (!account) await this.#delete(cached);
    else if (this.#needs(cached)) await this.#fill(cached, account);
  }

  #needs(secret: Readonly<Secret>): boolean {
    const { data = {} } = secret;
    const { rootCA } = this.#context.settings;
    return (rootCA !== '' && data['ca.crt'] !== base64(rootCA)) || !data['namespace'] || !data['token'];
  }

  async #fill(cached: Readonly<Secret>, account: Readonly<ServiceAccount>): Promise<void> {
    const { namespace = '', name = '' } = cached.metadata;
    const client = this.#client<Secret>('secrets', namespace);
    try {
      const live = await client.get(name);
      // An older cache would have it filled twice; the newer event is on its way.
      if (live.metadata.resourceVersion !== cached.metadata.resourceVersion) return;
      const { rootCA } = this.#context.settings;
      const data = { ...live.data };
      if (rootCA !== '') data['ca.crt'] = base64(rootCA);
      data['namespace'] ||= base64(namespace);
      data['token'] ||= base64(this.#token(account, name));
      const annotations = {
        ...live.metadata.annotations,
        [serviceAccountNameAnnotation]: account.metadata.name!,
        [serviceAccountUidAnnotation]: account.metadata.uid!,
      };
      await client.update({ ...live, metadata: { ...live.metadata, annotations }, data });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #token(account: Readonly<ServiceAccount>, secret: string): string {
    const { namespace, name, uid } = account.metadata;
    return this.#generate({
      iss: legacyIssuer,
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': secret,
      'kubernetes.io/serviceaccount/service-account.name': name,
      'kubernetes.io/serviceaccount/service-account.uid': uid,
      sub: `system:serviceaccount:${namespace}:${name}`,
    });
  }

  /** From the cache, else from the server: a Secret may be seen before its account. */
  async #account(namespace: string, name: string, uid: string): Promise<Readonly<ServiceAccount> | undefined> {
    const fits = (account: Readonly<ServiceAccount>) => uid === '' || account.metadata.uid === uid;
    const cached = this.#accounts.lister.get(namespace, name);
    if (cached && fits(cached)) return cached;
    try {
      const live = await this.#client<ServiceAccount>('serviceaccounts', namespace).get(name);
      return fits(live) ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** A Secret that has gone is no longer listed by its account. */
  async #removeReference({ namespace, name, account: accountName, accountUid }: Reference): Promise<void> {
    const cached = this.#accounts.lister.get(namespace, accountName);
    if (!cached || (accountUid !== '' && cached.metadata.uid !== accountUid)) return;
    if (!cached.secrets?.some((secret) => secret.name === name)) return;
    const client = this.#client<ServiceAccount>('serviceaccounts', namespace);
    try {
      const live = await client.get(accountName);
      if (accountUid !== '' && live.metadata.uid !== accountUid) return;
      const secrets = live.secrets?.filter((secret) => secret.name !== name) ?? [];
      if (secrets.length !== (live.secrets?.length ?? 0)) await client.update({ ...live, secrets });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #delete(secret: Readonly<Secret>): Promise<void> {
    const { namespace = '', name = '', uid } = secret.metadata;
    try {
      await this.#client<Secret>('secrets', namespace).delete(name, { preconditions: { uid: uid! } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

function tokenOf(secret: Readonly<Secret>): string[] {
  const account = secret.metadata.annotations?.[serviceAccountNameAnnotation];
  return secret.type === tokenSecretType && account ? [`${secret.metadata.namespace}/${account}`] : [];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
