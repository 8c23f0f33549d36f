/** A CLI session against the fake API, and what a command prints. */
import { VirtualClock } from '../../src/base/index.ts';
import type { Output } from '../../src/cli/get/plan.ts';
import { Session } from '../../src/cli/session.ts';
import { FakeApi } from './fake-api.ts';

export class Printed implements Output {
  stdout = '';
  stderr = '';
  readonly out = (text: string) => {
    this.stdout += text;
  };
  readonly err = (line: string) => {
    this.stderr += line.endsWith('\n') ? line : `${line}\n`;
  };
}

export function cliSession(options: { readonly namespace?: string; readonly signal?: AbortSignal } = {}) {
  const api = new FakeApi(new VirtualClock());
  const client = api.client();
  return { api, client, session: new Session(client, options), io: new Printed() };
}

export const podManifest = (name: string, extra: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { containers: [{ name: 'app', image: 'nginx' }] },
  ...extra,
});
