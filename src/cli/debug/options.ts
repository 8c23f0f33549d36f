/** The command line of `klab debug`, checked. Upstream: kubectl/pkg/cmd/debug/debug.go. */
import { readFileSync } from 'node:fs';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { FileFlags } from '../write/flags.ts';
import { type Profile, profileOf } from './profiles.ts';

export interface DebugFlags extends FileFlags {
  readonly 'arguments-only'?: boolean;
  /** Undefined when it was not given: then --stdin decides. */
  readonly attach?: boolean;
  readonly container?: string;
  readonly 'copy-to'?: string;
  readonly custom?: string;
  readonly env?: readonly string[];
  readonly image?: string;
  readonly 'image-pull-policy'?: string;
  readonly 'keep-annotations'?: boolean;
  readonly 'keep-init-containers'?: boolean;
  readonly 'keep-labels'?: boolean;
  readonly 'keep-liveness'?: boolean;
  readonly 'keep-readiness'?: boolean;
  readonly 'keep-startup'?: boolean;
  readonly profile?: string;
  readonly protocol?: string;
  readonly quiet?: boolean;
  readonly replace?: boolean;
  readonly 'same-node'?: boolean;
  readonly 'set-image'?: readonly string[];
  /** Undefined when it was not given: then the profile decides. */
  readonly 'share-processes'?: boolean;
  readonly stdin?: boolean;
  readonly target?: string;
  readonly tty?: boolean;
}

export interface DebugOptions {
  readonly flags: DebugFlags;
  /** What follows `--`. */
  readonly command: readonly string[];
  readonly attach: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly setImages: Readonly<Record<string, string>>;
  readonly profile: Profile;
  /** A partial container of `--custom`. */
  readonly custom: Readonly<Record<string, unknown>> | undefined;
}

/** distribution/reference's grammar of `[domain/]path[:tag][@digest]`. */
const imageReference = (() => {
  const part = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
  const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
  const domain = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
  const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
  return new RegExp(`^(?:${domain}/)?${part}(?:/${part})*(?::\\w[\\w.-]{0,127})?(?:@${digest})?$`);
})();

const fixedInCustom = ['name', 'command', 'image', 'lifecycle', 'volumeDevices'];

/** @throws UserError in kubectl's words and order. */
export async function debugOptions(
  words: readonly string[],
  command: readonly string[],
  flags: DebugFlags,
  io: { write(text: string): void; say(text: string): void },
): Promise<DebugOptions> {
  const env = pairsOf(flags.env ?? [], 'env');
  const setImages = pairsOf(flags['set-image'] ?? [], 'set-image');
  const profileName = flags.profile ?? 'general';
  const profile = profileOf(profileName);
  const custom = flags.custom ? await readCustom(flags.custom) : undefined;
  const { image = '', container = '', target = '', 'image-pull-policy': policy = '' } = flags;
  const hasSetImages = Object.keys(setImages).length > 0;

  if (flags.attach && !image && !container) {
    fail('you must specify --container or create a new container using --image in order to attach.');
  }
  if (flags['copy-to']) {
    if (!image && !hasSetImages && command.length === 0) {
      fail('you must specify --image, --set-image or command arguments.');
    }
    if (command.length > 0 && !container && !image) {
      fail('you must specify an existing container or a new image when specifying args.');
    }
  } else {
    if (flags.replace) fail('--replace may only be used with --copy-to.');
    if (flags['same-node']) fail('--same-node may only be used with --copy-to.');
    if (hasSetImages) fail('--set-image may only be used with --copy-to.');
    if (!image) fail('you must specify --image when not using --copy-to.');
  }
  const broken = 'invalid reference format';
  if (image && !imageReference.test(image)) fail(`invalid image name ${JSON.stringify(image)}: ${broken}`);
  if (words.length === 0 && !flags.filename?.length) fail('NAME or filename is required for debug');
  if (!['', 'Always', 'IfNotPresent', 'Never'].includes(policy)) fail(`invalid image pull policy: ${policy}`);
  for (const [name, one] of Object.entries(setImages)) {
    if (imageReference.test(one)) continue;
    fail(`invalid image name ${JSON.stringify(one)} for container ${JSON.stringify(name)}: ${broken}`);
  }
  if (target) {
    if (flags['copy-to']) fail('--target is incompatible with --copy-to. Use --share-processes instead.');
    if (!flags.quiet) {
      io.write(
        `Targeting container ${JSON.stringify(target)}. If you don't see processes from this container it may be because the container runtime doesn't support this feature.\n`,
      );
    }
  }
  if (flags.tty && !flags.stdin) fail('-i/--stdin is required for containers with -t/--tty=true');
  if (custom && fixedInCustom.some((field) => !empty(custom[field]))) {
    fail('name, command, image, lifecycle and volume devices are not modifiable via custom profile');
  }
  if (profileName === 'legacy') {
    io.say(
      '--profile=legacy is deprecated and planned to be removed in v1.39. It is recommended to specify other profile, for example "--profile=general".',
    );
  }
  return { flags, command, attach: flags.attach ?? flags.stdin ?? false, env, setImages, profile, custom };
}

function fail(message: string): never {
  throw new UserError(message);
}

const empty = (value: unknown) => value === undefined || value === null || value === '' || value === false;

/** pflag's StringToString: `a=b,c=d`, more than once; of one pair alone the value may hold commas. */
function pairsOf(texts: readonly string[], flag: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const text of texts) {
    const parts = text.split('=').length === 2 ? [text] : text.split(',');
    for (const part of parts) {
      const at = part.indexOf('=');
      if (at < 0) {
        throw new UserError(
          `invalid argument ${JSON.stringify(text)} for "--${flag}" flag: ${part} must be formatted as key=value`,
          exitCodes.usage,
        );
      }
      pairs[part.slice(0, at)] = part.slice(at + 1);
    }
  }
  return pairs;
}

async function readCustom(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return fail(`must pass a container spec json file for custom profile: open ${file}: no such file or directory`);
  }
  const { readYaml } = await import('../manifests/yaml.ts');
  const { documents, problems } = await readYaml(text, file);
  const [problem] = problems;
  if (problem) fail(`${file} does not contain a valid container spec: ${problem.reason}`);
  const value = documents[0]?.value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail(`${file} does not contain a valid container spec: it is no object`);
  }
  return value as Record<string, unknown>;
}
