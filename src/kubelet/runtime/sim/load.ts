/** What programs cost: a model, the same for the same image, so that usage is plausible and repeatable. */
import { createHash } from 'node:crypto';
import type { ContainerConfig } from '../types.ts';
import { type ImageDefinition, parseImageName } from './images.ts';

const mebibyte = 1024 * 1024;

export interface LoadModel {
  /** Cores of a container that does nothing. */
  readonly idleCores: number;
  /** Bytes of the working set. */
  readonly memoryBytes: number;
  /** Milliseconds of one core that an answered request takes. */
  readonly requestMs: number;
}

/** Milliseconds of one core to start a program. */
export const commandMs = 1;

/** By the last part of the image's name: the ones whose load somebody is likely to watch. */
const requestMsOf: Readonly<Record<string, number>> = {
  // The image of Kubernetes' autoscaling walkthrough computes a million square roots a request.
  'hpa-example': 6,
  nginx: 0.1,
  httpd: 0.1,
  redis: 0.05,
  pause: 0,
};
const memoryMiBOf: Readonly<Record<string, number>> = { pause: 1, busybox: 1, alpine: 1, nginx: 7, redis: 9 };

export function loadModelOf(image: string, definition: ImageDefinition): LoadModel {
  const { repository } = parseImageName(image);
  const name = repository.split('/').at(-1)!;
  const hash = createHash('sha256').update(repository).digest();
  const spread = (offset: number) => hash.readUInt16BE(offset) / 65_536;
  const small = definition.family === 'pause' || definition.family === 'busybox';
  return {
    idleCores: small ? 0.000_1 : 0.000_8 + spread(0) * 0.002,
    memoryBytes: Math.round((memoryMiBOf[name] ?? 12 + spread(2) * 50) * mebibyte),
    requestMs: requestMsOf[name] ?? 1,
  };
}

/** Cores a container may use. */
export function cpuLimitOf({ cpuLimitMilli }: ContainerConfig): number {
  return cpuLimitMilli === undefined ? unlimitedCores : cpuLimitMilli / 1000;
}

/** Programs of the simulation have few threads. */
const unlimitedCores = 8;
