/** What must be there before objects of the next rank can be sent: served custom resources, accounts of new namespaces. */
import { isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import type { ResourceDescription } from '../../client/index.ts';
import type { Session } from '../session.ts';

/** After that the next rank is sent all the same and fails with the server's own words. */
const patienceMs = 15_000;
const pollMs = 50;

async function poll(session: Session, done: () => Promise<boolean>): Promise<void> {
  const end = wallClock.monotonic() + patienceMs;
  while (!session.signal?.aborted && wallClock.monotonic() < end) {
    if (await done()) return;
    await wallClock.sleep(pollMs, session.signal);
  }
}

/** Waits until the definitions are established and makes their kinds known to the session. */
export async function awaitCustomResources(
  session: Session,
  definitions: readonly Readonly<KubeObject>[],
): Promise<void> {
  if (definitions.length === 0) return;
  const calls = session.client.resource(await session.resolve('customresourcedefinitions.apiextensions.k8s.io'));
  for (const definition of definitions) {
    await poll(session, async () => {
      const live = await calls.get(definition.metadata.name!, { signal: session.signal });
      const conditions: { type: string; status: string }[] = live['status']?.conditions ?? [];
      return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
    });
    for (const resource of resourcesOf(definition)) session.client.mapper.add(resource);
  }
}

/** The rows of a CustomResourceDefinition, served versions in its order. */
function resourcesOf(definition: Readonly<KubeObject>): ResourceDescription[] {
  const { group, names, scope, versions = [] } = definition['spec'];
  return versions
    .filter((version: { served: boolean }) => version.served)
    .map((version: { name: string; subresources?: object }) => ({
      group,
      version: version.name,
      kind: names.kind,
      plural: names.plural,
      singular: names.singular ?? names.kind.toLowerCase(),
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      namespaced: scope === 'Namespaced',
      verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
      subresources: Object.keys(version.subresources ?? {}).map((name) => ({ name })),
    }));
}

/** A Pod is refused until its namespace has the account `default`. */
export async function awaitServiceAccounts(session: Session, namespaces: readonly string[]): Promise<void> {
  if (namespaces.length === 0) return;
  const accounts = session.client.resource(await session.resolve('serviceaccounts'));
  for (const namespace of namespaces) {
    await poll(session, async () => {
      try {
        await accounts.namespace(namespace).get('default', { signal: session.signal });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    });
  }
}
