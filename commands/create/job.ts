import { CreateCommand, createFlags, exactlyOneName, Flags, job } from '../../src/cli/index.ts';

export default class CreateJob extends CreateCommand {
  static override summary = 'Create a job, of an image or from a cron job.';
  static override usage = 'create job NAME [flags] [-- COMMAND…]';
  static override strict = false;
  static override examples = [
    `<%= config.bin %> create job once --image=busybox -- date`,
    `<%= config.bin %> create job now --from=cronjob/nightly`,
  ];
  static override flags = {
    ...createFlags,
    image: Flags.string({ summary: 'the image to run' }),
    from: Flags.string({ summary: 'the cron job to take the template of, as cronjob/NAME' }),
  };

  async run(): Promise<void> {
    const { flags, words, afterDash } = await this.parseWords(CreateJob);
    const name = exactlyOneName('create job', words);
    await this.create(flags, (session) => job(name, flags, afterDash, session));
  }
}
