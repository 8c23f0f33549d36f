/** The base of `klab create KIND NAME`: what was generated from flags is printed (client dry run) or sent. */
import { boolean } from '@oclif/core/flags';
import { type KubeObject, StatusError } from '../../apimachinery/index.ts';
import { ApiCommand } from '../api-command.ts';
import { lastAppliedAnnotation } from '../apply/client-side.ts';
import { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { type DryRun, parseDryRun, parseValidation } from '../write/dry-run.ts';
import { dryRunFlag, fieldManagerFlag, printFlags, validateFlag, type WriteFlags } from '../write/flags.ts';
import { ResultPrinter } from '../write/result-printer.ts';

/** Flags of every `create` subcommand. */
export const createFlags = {
  ...printFlags,
  ...dryRunFlag,
  ...fieldManagerFlag('kubectl-create'),
  ...validateFlag,
  'save-config': boolean({ summary: 'keep the configuration in the annotation that client-side apply reads' }),
};

export interface CreateFlags extends WriteFlags, SessionRequest {
  readonly validate?: string;
  readonly 'save-config'?: boolean;
}

export abstract class CreateCommand extends ApiCommand {
  /** Opens the session only when something must be asked: a client dry run needs no server. */
  protected async create(
    flags: CreateFlags,
    make: (session: () => Promise<Session>) => Readonly<KubeObject> | Promise<Readonly<KubeObject>>,
    options: { readonly namespaced?: boolean } = {},
  ): Promise<void> {
    const dryRun = parseDryRun(flags['dry-run']);
    const printer = new ResultPrinter(flags, dryRun, (text) => this.write(text));
    const session = () => this.session(flags);
    let object = await make(session);
    const { namespaced = true } = options;
    if (namespaced && flags.namespace !== undefined && object.metadata.namespace === undefined) {
      object = { ...object, metadata: { ...object.metadata, namespace: flags.namespace } };
    }
    if (flags['save-config']) object = withLastApplied(object);
    const result = dryRun === 'client' ? object : await send(await session(), object, flags, dryRun);
    printer.print(result, 'created');
  }
}

/** The object as generated, in the order in which upstream's types write it. */
function withLastApplied(object: Readonly<KubeObject>): KubeObject {
  const text = `${JSON.stringify(object)}\n`;
  const annotations = { ...object.metadata.annotations, [lastAppliedAnnotation]: text };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** What each subcommand says before the server's refusal; those that are not here say nothing. */
const failures: Readonly<Record<string, string>> = {
  ClusterRoleBinding: 'failed to create clusterrolebinding:',
  ConfigMap: 'failed to create configmap:',
  CronJob: 'failed to create cronjob:',
  Deployment: 'failed to create deployment:',
  Ingress: 'failed to create ingress:',
  Job: 'failed to create job:',
  PodDisruptionBudget: 'failed to create poddisruptionbudgets:',
  PriorityClass: 'failed to create priorityclass:',
  ResourceQuota: 'failed to create quota:',
  RoleBinding: 'failed to create rolebinding:',
  Secret: 'failed to create secret',
  ServiceAccount: 'failed to create serviceaccount:',
};

function refused(object: Readonly<KubeObject>, error: unknown): unknown {
  if (!(error instanceof StatusError)) return error;
  const type = (object as { spec?: { type?: string } }).spec?.type;
  const doing = object.kind === 'Service' ? `failed to create ${type} service:` : failures[object.kind];
  return doing === undefined ? error : new UserError(`${doing} ${error.status.message}`, 1, { cause: error });
}

async function send(
  session: Session,
  object: Readonly<KubeObject>,
  flags: CreateFlags,
  dryRun: DryRun,
): Promise<Readonly<KubeObject>> {
  const resource = await session.resolveKind(object.apiVersion, object.kind);
  return await session.client
    .resource(resource)
    .namespace(resource.namespaced ? (object.metadata.namespace ?? session.namespace) : '')
    .create(object, {
      fieldManager: flags['field-manager'],
      fieldValidation: parseValidation(flags.validate),
      dryRun: dryRun === 'server',
      signal: session.signal,
    })
    .catch((error: unknown) => {
      throw refused(object, error);
    });
}
