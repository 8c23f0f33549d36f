/**
 * `/klab/v1/images`: users' images. GET lists them, or shows one with its source (`?name=`); POST {file, text, name}
 * adds one, and what is wrong with it is a BadRequest with a line a mistake; DELETE ?name= removes it.
 */
import { newBadRequest, newNotFound } from '../apimachinery/index.ts';
import type { KlabRoute, RequestContext, ServerResponse } from '../apiserver/index.ts';
import { ImageSourceError } from '../kubelet/index.ts';
import type { ClusterImages } from './images.ts';
import { bodyOf } from './route-body.ts';

const path = '/klab/v1/images';
const ok = (object: object): ServerResponse => ({ code: 200, body: { kind: 'object', object } });

export function imageRoutes(images: ClusterImages): KlabRoute[] {
  return [
    {
      path,
      verb: 'get',
      description: "list users' images, or show one with its source",
      handler: async (context) => {
        const name = context.request.query.get('name');
        if (name === null) return ok({ kind: 'ImageList', items: images.list() });
        return ok(images.show(name) ?? missing(name));
      },
    },
    {
      path,
      verb: 'post',
      description: 'add an image: a behaviour file or a module',
      handler: async (context) => ok(await add(images, context)),
    },
    {
      path,
      verb: 'delete',
      description: 'remove an image',
      handler: async (context) => {
        const name = context.request.query.get('name') ?? '';
        if (!images.remove(name)) missing(name);
        return ok({ name });
      },
    },
  ];
}

async function add(images: ClusterImages, context: RequestContext): Promise<object> {
  const { file, text, name } = bodyOf(context);
  if (typeof file !== 'string' || typeof text !== 'string') throw newBadRequest('file and text must be given');
  if (name !== undefined && typeof name !== 'string') throw newBadRequest('name must be text');
  try {
    return await images.add({ file, text, ...(name !== undefined && { name }) });
  } catch (error) {
    if (error instanceof ImageSourceError) throw newBadRequest(error.message);
    throw error;
  }
}

function missing(name: string): never {
  throw newNotFound({ group: '', resource: 'images' }, name);
}
