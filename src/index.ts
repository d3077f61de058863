/** The public API of octet: everything the command line does is a call into this. */
export { Cluster } from './cluster/cluster.ts';
export {
  type DmaConfig,
  type ItaConfig,
  isaOf,
  type MachineConfig,
  type MachineOverrides,
  override,
  parseMachineFile,
  presetOf,
  presets,
} from './cluster/config.ts';
export { Machine, type MachineOptions, type Outcome, type Statistics } from './cluster/machine.ts';
export type { TimingConfig, TimingMode } from './cluster/timing.ts';
export { discoverTests } from './conformance/discover.ts';
export { emitJunit } from './conformance/junit.ts';
export { type PoolOptions, runTests } from './conformance/pool.ts';
export { runTest, type TestOptions, type TestResult, type Verdict } from './conformance/test-run.ts';
export {
  deploy,
  type DeployOptions,
  type Deployment,
  type Plan,
  readTensor,
  type TensorPlace,
  writeProject,
  writeTensor,
} from './deploy/deploy.ts';
export { checkDirectory, type DirectoryCheck, type TensorComparison } from './deploy/check-directory.ts';
export { buildFirmware, buildHost } from './deploy/firmware/build.ts';
export type { Graph, Node, Tensor, TensorData } from './deploy/graph/graph.ts';
export { integerise } from './deploy/graph/integers.ts';
export { inferShapes } from './deploy/graph/shapes.ts';
export { importNetwork } from './deploy/import.ts';
export {
  type BuildOptions,
  buildMobileBert,
  layerOutputs,
  MOBILEBERT,
  type MobileBertConfig,
} from './deploy/models/mobilebert.ts';
export type { ParametersFor } from './deploy/models/parameters.ts';
export { seededParameters } from './deploy/models/synthetic.ts';
export { defaultTokens, fitTokens, parseTokens, tokenInputs, type Tokens } from './deploy/models/tokens.ts';
export { exportParameters, fileParameters } from './deploy/models/weights.ts';
export { Arrays } from './deploy/models/arrays.ts';
export { buildBertTiny, sentimentOf } from './deploy/models/bert-tiny.ts';
export { buildKwt, KWT1, kwtInput } from './deploy/models/kwt.ts';
export { mfcc } from './deploy/models/mfcc.ts';
export { buildFloatMobileBert } from './deploy/models/mobilebert-float.ts';
export { parseSafetensors } from './deploy/models/safetensors.ts';
export { buildVision, DINOV2_SMALL } from './deploy/models/vit.ts';
export { parseWav } from './deploy/models/wav.ts';
export { buildWhisper, WHISPER_TINY } from './deploy/models/whisper.ts';
export {
  inputFor,
  quantise,
  type QuantisedNetwork,
  type QuantiseOptions,
  scalesOf,
} from './deploy/quantise/quantise.ts';
export { type Agreement, agreement, describeAgreement } from './deploy/quantise/report.ts';
export { emitNpz, type NpyArray, parseNpz } from './deploy/npz.ts';
export { emitOnnx } from './deploy/onnx/emit.ts';
export { parseOnnx } from './deploy/onnx/parse.ts';
export { evaluate } from './deploy/reference/integer.ts';
export { compare, type Comparison, execute } from './deploy/run/execute.ts';
export { executeOnHost } from './deploy/run/host.ts';
export { type Classification, inferBertTiny, parseSentences } from './deploy/run/bert-tiny.ts';
export { KeywordSpotter, type KwtSetup, type Recognition } from './deploy/run/kwt.ts';
export { type Inference, type InferenceOptions, inferMobileBert } from './deploy/run/mobilebert.ts';
export { type Operations, operationsOf } from './deploy/graph/operations.ts';
export { type Bill, bill } from './energy/bill.ts';
export { type EnergyReport, energyOf } from './energy/energy.ts';
export { type Estimate } from './energy/estimate.ts';
export { parseElf, type Program } from './elf/elf.ts';
export type { HartEvents } from './hart/events.ts';
export * from './errors.ts';
export { explore, type ExploreOptions } from './explore/explore.ts';
export { type Outcome as ExplorationOutcome, type Result, ResultsFile } from './explore/results.ts';
export { type Axis, type Point, pointsOf, type Sweep } from './explore/sweep.ts';
export { CaptureConsole, type HostConsole, ProcessConsole } from './host/console.ts';
export { disassemble } from './isa/disassemble.ts';
export { explain } from './isa/explain.ts';
export { type Isa, parseIsa } from './isa/isa.ts';
export { emitPage } from './report/page.ts';
export { parseReport } from './report/parse.ts';
export { type ReportedRun, reportOf, type RunReport } from './report/report.ts';
export { emitChromeTrace } from './trace/perfetto.ts';
export { Recorder, type Timeline } from './trace/recorder.ts';
