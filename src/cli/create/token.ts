/** `create token`: a TokenRequest, the token alone on stdout. Upstream: kubectl/pkg/cmd/create/create_token.go. */
import { type KubeObject, StatusError } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Session } from '../session.ts';
import type { PrintFlags } from '../write/flags.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface TokenFlags extends PrintFlags {
  readonly audience?: readonly string[];
  readonly duration?: string;
  readonly 'bound-object-kind'?: string;
  readonly 'bound-object-name'?: string;
  readonly 'bound-object-uid'?: string;
}

const boundKinds: Readonly<Record<string, string>> = { Node: 'v1', Pod: 'v1', Secret: 'v1' };

export async function createToken(
  session: () => Promise<Session>,
  name: string,
  flags: TokenFlags,
  write: (text: string) => void,
): Promise<void> {
  const printer = new ResultPrinter(flags, 'none', write);
  const durationMs = durationFlag('duration', flags.duration ?? '0s');
  if (durationMs < 0) throw new UserError('--duration must be greater than or equal to 0');
  if (durationMs % 1000 !== 0) throw new UserError('--duration cannot be expressed in units less than seconds');
  const { 'bound-object-kind': kind = '', 'bound-object-name': bound = '', 'bound-object-uid': uid = '' } = flags;
  if (kind === '') {
    if (bound !== '') throw new UserError('--bound-object-name can only be set if --bound-object-kind is provided');
    if (uid !== '') throw new UserError('--bound-object-uid can only be set if --bound-object-kind is provided');
  } else {
    if (!Object.hasOwn(boundKinds, kind)) {
      throw new UserError(`supported --bound-object-kind values are ${Object.keys(boundKinds).join(', ')}`);
    }
    if (bound === '') throw new UserError('--bound-object-name is required if --bound-object-kind is provided');
  }
  const request = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {},
    spec: {
      audiences: flags.audience ?? [],
      ...(durationMs > 0 && { expirationSeconds: durationMs / 1000 }),
      ...(kind !== '' && {
        boundObjectRef: { kind, apiVersion: boundKinds[kind], name: bound, ...(uid !== '' && { uid }) },
      }),
    },
  } as unknown as KubeObject;
  const opened = await session();
  const accounts = opened.client.resource(await opened.resolve('serviceaccounts')).namespace(opened.namespace);
  let answer: KubeObject & { status?: { token?: string } };
  try {
    answer = await accounts.createSubresource(name, 'token', request, { signal: opened.signal });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw new UserError(`failed to create token: ${error.status.message}`, 1, { cause: error });
  }
  if (!printer.plain) printer.print(answer, '');
  else if (!answer.status?.token) throw new UserError('failed to create token: no token in server response');
  else write(`${answer.status.token}\n`);
}
