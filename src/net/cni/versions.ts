/** Versions of the CNI specification, and which one a configuration is spoken in. */
import { badRequest, cniCodes } from './cni-error.ts';

/** What is spoken here, oldest first. */
export const cniVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

/** What a configuration or a result without a version speaks, as libcni has it. */
export const oldestVersion = '0.1.0';

const form = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/;

export const isVersion = (text: string): boolean => form.test(text);

/** Below zero when `a` is older. Both must be versions. */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [a, b].map((version) => version.split('.').map(Number));
  return one![0]! - other![0]! || one![1]! - other![1]! || one![2]! - other![2]!;
}

export const atLeast = (version: string, least: string): boolean => compareVersions(version, least) >= 0;

/**
 * The newest version that the configuration offers, this side speaks, and every plugin supports.
 * `plugins`: what each answered to VERSION; nothing where they were not asked.
 * @throws CniError (code 1) that says who lacks what.
 */
export function chooseVersion(
  offered: readonly string[],
  plugins: readonly { readonly type: string; readonly supported: readonly string[] }[] = [],
): string {
  const spoken = offered
    .filter((version) => (cniVersions as readonly string[]).includes(version))
    .sort(compareVersions);
  if (spoken.length === 0) {
    const list = offered.map((version) => JSON.stringify(version)).join(', ');
    throw badRequest(
      `incompatible CNI versions: the configuration is of ${list}; spoken here are ${cniVersions.join(', ')}`,
      cniCodes.incompatibleVersion,
    );
  }
  const common = spoken.findLast((version) => plugins.every(({ supported }) => supported.includes(version)));
  if (common !== undefined) return common;
  const lacking = plugins
    .filter(({ supported }) => !spoken.some((version) => supported.includes(version)))
    .map(({ type, supported }) => `plugin ${type} supports ${supported.join(', ') || 'none'}`);
  throw badRequest(
    `incompatible CNI versions: the configuration is of ${spoken.join(', ')}; ${lacking.join('; ') || 'no version is common to all its plugins'}`,
    cniCodes.incompatibleVersion,
  );
}
