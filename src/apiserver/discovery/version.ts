import type { NonResourceRouter } from './router.ts';

/** Kubernetes' version that klab serves. */
export const kubernetesVersion = { major: '1', minor: '36', patch: '0' } as const;

/** `v1.36.0+klab.0.1.0`. */
export function gitVersion(klabVersion: string): string {
  const { major, minor, patch } = kubernetesVersion;
  return `v${major}.${minor}.${patch}+klab.${klabVersion}`;
}

/** What `/version` says. Upstream: apimachinery/pkg/version/types.go. */
export function versionInfo(klabVersion: string) {
  const { major, minor } = kubernetesVersion;
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: gitVersion(klabVersion),
    gitCommit: '',
    gitTreeState: '',
    buildDate: '',
    goVersion: `node${process.versions.node}`,
    compiler: 'v8',
    platform,
  };
}

export function installVersion(router: NonResourceRouter, klabVersion: string): void {
  const info = versionInfo(klabVersion);
  // Indented, whoever asks. Upstream: responsewriters.WriteRawJSON.
  const bytes = Buffer.from(JSON.stringify(info, undefined, 2));
  router.exact('/version', async () => ({
    code: 200,
    body: { kind: 'bytes', contentType: 'application/json', bytes },
  }));
}
