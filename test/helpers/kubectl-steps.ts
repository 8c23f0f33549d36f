/** Commands of kubectl as a table: what is typed, what it says, how it exits. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type KubectlVersion, kubectlPath, kubectlVersions } from './clients.ts';
import { eventually, type Lab, type Ran, type RunOptions, run } from './lab.ts';

export interface Step extends RunOptions {
  /** What kubectl gets, split at spaces; quotes hold words together. */
  readonly does: string;
  /** In stdout; in stderr when it must fail or prints nothing else. */
  readonly says?: string | RegExp;
  readonly never?: string | RegExp;
  /** Exit code. Default 0. */
  readonly code?: number;
  /** Asked again until it says so: another component has to act first. */
  readonly soon?: boolean;
}

/** One program in one namespace. `%` in commands is that namespace, for names that namespaces do not part too. */
export class Kubectl {
  readonly version: KubectlVersion;
  readonly id: string;
  readonly folder: string;
  readonly #lab: Lab;

  constructor(lab: Lab, version: KubectlVersion = kubectlVersions[0]) {
    this.#lab = lab;
    this.version = version;
    this.id = `v${version.replace('.', '-')}`;
    this.folder = join(lab.home, this.id);
    mkdirSync(this.folder, { recursive: true });
  }

  try(command: string, options: RunOptions = {}): Promise<Ran> {
    const words = [...this.#named(command).matchAll(/'([^']*)'|(\S+)/g)].map(([, held, word]) => held ?? word!);
    return run(kubectlPath(this.version), ['--namespace', this.id, ...words], {
      ...options,
      cwd: this.folder,
      env: { ...this.#lab.env, ...options.env },
    });
  }

  /** `%` is this program's word, `%%` a percent sign. */
  #named(text: string): string {
    return text.replace(/%%?/g, (sign) => (sign === '%' ? this.id : '%'));
  }

  async ok(command: string, options?: RunOptions): Promise<string> {
    const ran = await this.try(command, options);
    if (ran.code !== 0) throw new Error(`kubectl ${command} exited ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
    return ran.stdout;
  }

  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, this.#named(text));
    return path;
  }

  async do({ does, says, never, code = 0, soon = false, ...options }: Step): Promise<void> {
    const heard = ({ code, stdout, stderr }: Ran) => (code === 0 ? stdout || stderr : `${stderr}${stdout}`);
    const fits = (text: string) =>
      says === undefined || (typeof says === 'string' ? text.includes(this.#named(says)) : says.test(text));
    const ran = soon
      ? await eventually(
          () => this.try(does, options),
          (ran) => ran.code === code && fits(heard(ran)),
          15_000,
        )
      : await this.try(does, options);
    const text = heard(ran);
    expect(ran.code, `kubectl ${does}\n${ran.stderr}${ran.stdout}`).toBe(code);
    if (!fits(text)) expect(text, `kubectl ${does}`).toMatch(says!);
    if (never !== undefined) expect(text, `kubectl ${does}`).not.toMatch(never);
  }

  async all(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.do(step);
  }
}

/** Two objects to apply. */
export const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: 'nginx:1.27', ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1", b: "2"}
`;
