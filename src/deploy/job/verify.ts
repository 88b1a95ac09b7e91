import { StockpipeError } from '../../errors.ts'
import { workloadOf } from '../observe/workloads.ts'
import { jobLike } from './job.ts'
import { type JobRun, runJob } from './run-job.ts'

export interface VerifyRun extends JobRun {
  timeoutMs: number
}

/** Resolves to the exit code of `stockpipe verify` in the cluster. */
export async function verifyInCluster(run: VerifyRun): Promise<number> {
  const api = await workloadOf(run, 'api')
  if (api === null)
    throw new StockpipeError('not-found', `the api is not installed in ${run.namespace}`, {
      hint: 'stockpipe deploy installs it; --namespace names another place',
    })
  const name = `stockpipe-verify-${run.clock.now().toString(36)}`
  return runJob(jobLike(api, { name, args: ['verify'], deadlineSeconds: Math.ceil(run.timeoutMs / 1_000) }), run)
}
