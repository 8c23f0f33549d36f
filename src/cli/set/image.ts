/** `klab set image`. Upstream: kubectl/pkg/cmd/set/set_image.go. */
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { podSpecOf, type SetFlags, setOn } from './set.ts';

export async function setImage(
  words: readonly string[],
  flags: SetFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const resources = words.filter((word) => !word.includes('='));
  const images = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 0) continue;
    for (const name of word.slice(0, at).split(',')) images.set(name, word.slice(at + 1));
  }
  const problems: string[] = [];
  if (resources.length < 1 && !flags.filename?.length && !flags.kustomize) {
    problems.push('one or more resources must be specified as <resource> <name> or <resource>/<name>');
  }
  if (images.size === 0) problems.push('at least one image update is required');
  if (images.size > 1 && images.has('*'))
    problems.push(
      'all containers are already specified by *, but saw more than one container_name=container_image pairs',
    );
  if (problems.length === 1) throw new UserError(problems[0]!);
  if (problems.length > 1) throw new ManyErrors(problems.map((text) => new Error(`error: ${text}`)));
  await setOn(resources, flags, session, io, 'image updated', (object) => {
    const spec = podSpecOf(object);
    for (const [name, image] of images) {
      let found = false;
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        if (container.name !== name && name !== '*') continue;
        container.image = image;
        found = true;
      }
      if (!found) throw new UserError(`unable to find container named ${JSON.stringify(name)}`);
    }
  });
}
