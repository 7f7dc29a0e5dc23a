"""What tests/model/check runs: the rules as they are, and each rule left out, in the smallest cluster that shows it."""

import dataclasses
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
EXACT = ('-DCOLLAPSE',)
HASHED = ('-O2', '-DHC4')  # gcc takes longer, the long search less
# Random order and a bounded depth find what breaks ten times sooner than plain depth first does.
SAMPLE = ('-DBITSTATE', '-DT_RAND', '-DP_RAND')
WIDE = ('-w33', '-k3', '-m60')  # 1 GiB of bits
BIG = ('-w27',)
EVERYTHING = 'SETTINGS=1 LOWER=1 SWITCHOVER=1 STOPS=1 SNAPSHOTS=1'
EXHAUSTIVE = 'exhaustive'
HASHED_WORDS = 'exhaustive but for collisions of 64-bit hashes'
SAMPLED = 'a sample by bit-state hashing'


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of the verifier. `defines` is a text `NAME=VALUE ...`, for bounds.pml."""
    name: str
    defines: str
    size: str = 'quick'  # quick: tests/run --quick as well; ci; nightly
    compiler: tuple = EXACT
    arguments: tuple = ('-w24',)
    how: str = EXHAUSTIVE
    limit: int = 120  # seconds; longer is a failure, or where `how` is a sample, the end of it
    nightly_limit: int = 3600


def options_of(defines):
    return [f'-D{word}' for word in defines.split()]


HOLDS = [
    Run('two', 'NODES=2'),
    Run('two.local', 'NODES=2 K0=0'),
    Run('two.settings', 'NODES=2 SETTINGS=1'),
    Run('two.lower', 'NODES=2 LOWER=1'),
    Run('two.switchover', 'NODES=2 SWITCHOVER=1'),
    Run('two.local.switchover', 'NODES=2 SWITCHOVER=1 K0=0'),
    Run('two.stop', 'NODES=2 STOPS=1'),
    Run('two.local.stop', 'NODES=2 STOPS=1 K0=0'),
    Run('two.snapshots', 'NODES=2 SNAPSHOTS=1'),
    Run('two.degrade', 'NODES=2 DEGRADE=1'),
    Run('two.degrade.all_grant', 'NODES=2 DEGRADE=2'),
    Run('two.lost', 'NODES=2 LOSES=1'),
    Run('two.local.lost', 'NODES=2 K0=0 LOSES=1'),
    Run('three.lost', 'NODES=3 SEQ=2 EPOCHS=2 LOSES=1', 'ci', limit=400),
    Run('two.lower.settings', 'NODES=2 LOWER=1 SETTINGS=1', 'ci'),
    Run('three', 'NODES=3 SEQ=2', 'ci', limit=400),
    Run('three.local', 'NODES=3 SEQ=2 K0=0', 'ci', limit=400),
    Run('three.k2', 'NODES=3 SEQ=2 K0=2', 'ci', limit=400),
    Run('three.add', 'NODES=3 SEQ=2 EPOCHS=2 VOTERS0=3 MEMBERS=1', 'ci', limit=400),
    Run('three.forget', 'NODES=3 SEQ=2 EPOCHS=2 VOTERS0=7 MEMBERS=1', 'ci', limit=400),
    Run('three.local.add', 'NODES=3 SEQ=2 EPOCHS=2 K0=0 VOTERS0=3 MEMBERS=1', 'ci', limit=400),
    Run('three.local.forget', 'NODES=3 SEQ=2 EPOCHS=2 K0=0 VOTERS0=7 MEMBERS=1', 'ci', limit=400),
    Run('three.lower.stop', 'NODES=3 SEQ=2 EPOCHS=2 LOWER=1 STOPS=1 WORD_BARS=0', 'ci', limit=400),
    Run('three.lower', 'NODES=3 SEQ=3 EPOCHS=4 LOWER=1 SETTINGS=1', 'ci', SAMPLE, WIDE, SAMPLED, 30),
    Run('three.switchover', 'NODES=3 SEQ=3 EPOCHS=4 SWITCHOVER=1 SNAPSHOTS=1', 'ci', SAMPLE, WIDE, SAMPLED, 30),
    Run('three.local.switchover', 'NODES=3 SEQ=3 EPOCHS=4 K0=0 SWITCHOVER=1 STOPS=1', 'ci', SAMPLE, WIDE, SAMPLED, 30),
    Run('three.members', 'NODES=3 SEQ=3 EPOCHS=4 MEMBERS=1 SETTINGS=1', 'ci', SAMPLE, WIDE, SAMPLED, 30),
    Run('three.degrade', 'NODES=3 SEQ=2 DEGRADE=1', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('three.degrade.all_grant', 'NODES=3 SEQ=2 DEGRADE=2', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('three.settings', 'NODES=3 SEQ=2 SETTINGS=1', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('three.long', 'NODES=3 SEQ=3', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('three.lost.long', 'NODES=3 SEQ=2 LOSES=1', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('three.add.long', 'NODES=3 SEQ=2 VOTERS0=3 MEMBERS=1', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('three.forget.long', 'NODES=3 SEQ=2 VOTERS0=7 MEMBERS=1', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('three.add.deep', 'NODES=3 SEQ=4 EPOCHS=4 VOTERS0=3 MEMBERS=1 SETTINGS=1 LOWER=1', 'nightly', SAMPLE, WIDE, SAMPLED),
    Run('three.forget.deep', 'NODES=3 SEQ=4 EPOCHS=4 VOTERS0=7 MEMBERS=1 SWITCHOVER=1', 'nightly', SAMPLE, WIDE, SAMPLED),
    Run('three.degrade.deep', 'NODES=3 SEQ=3 EPOCHS=4 DEGRADE=2 LOWER=1 SETTINGS=1', 'nightly', SAMPLE, WIDE, SAMPLED),
    Run('two.everything', f'NODES=2 {EVERYTHING}', 'nightly', HASHED, BIG, HASHED_WORDS),
    Run('two.everything.deep', f'NODES=2 SEQ=4 EPOCHS=4 {EVERYTHING}', 'nightly', SAMPLE, WIDE, SAMPLED),
    Run('three.local.everything.deep', f'NODES=3 SEQ=4 EPOCHS=4 K0=0 MEMBERS=1 {EVERYTHING}', 'nightly', SAMPLE, WIDE, SAMPLED),
    Run('three.everything.deep', f'NODES=3 SEQ=4 EPOCHS=4 KMAX=2 {EVERYTHING}', 'nightly', SAMPLE, WIDE, SAMPLED),
]


def number_of(rule):
    """The number of a rule in bounds.pml."""
    return re.search(rf'^#define {rule} (\d+)$', (HERE / 'bounds.pml').read_text(encoding='utf-8'), re.MULTILINE).group(1)


def without(rule, defines):
    return Run(rule, f'WITHOUT={number_of(rule)} {defines}', 'ci')


RULES = [
    without('GRANTS_KEPT', 'NODES=2'),
    without('OLDER_EPOCH_REFUSED', 'NODES=3 SEQ=2'),
    without('QUORUM', 'NODES=2 K0=0'),
    without('K_PLUS_ONE_OR_WORD', 'NODES=2 LOWER=1'),
    without('WORD_IS_TRUE', 'NODES=2 LOWER=1'),
    without('WORD_COVERS_UNFINISHED', 'NODES=2 LOWER=1'),
    without('WORD_REPLACES_NO_GRANT', 'NODES=2 K0=0'),
    without('SMALLEST_K', 'NODES=2 SETTINGS=1'),
    without('K_TOLD', 'NODES=3 SEQ=2 LOWER=1'),
    without('SETTING_ONCE_COMMITTED', 'NODES=2 SETTINGS=1'),
    without('LARGEST_K_FOR_START', 'NODES=3 SEQ=2 K0=0 SETTINGS=1'),
    without('START_FIRST', 'NODES=3 SEQ=2 EPOCHS=4'),
    without('FETCH_WHO_IS_AHEAD', 'NODES=2 K0=0'),
    without('SHOWN_KEPT', 'NODES=2'),
    without('CUT_PENDING_ONLY', 'NODES=2 DEGRADE=1'),
    without('ACK_ONCE_DURABLE', 'NODES=2'),
    without('OLD_AND_NEW_MEMBERS', 'NODES=3 SEQ=2 EPOCHS=2 VOTERS0=3 MEMBERS=1'),
    without('MEMBERS_COUNT_AFTER_RECORD', 'NODES=3 SEQ=2 EPOCHS=2 MEMBERS=1'),
    without('FORGOTTEN_DO_NOT_COUNT', 'NODES=3 SEQ=2 EPOCHS=2 K0=0 MEMBERS=1'),
    without('DEGRADED_RESTART_IN_NEWEST_OWN', 'NODES=3 SEQ=2 DEGRADE=2'),
    without('NEW_EPOCH_AT_RESTART', 'NODES=2 K0=0 SETTINGS=1'),
    without('RESUME_IN_NEWEST_OWN', 'NODES=2 K0=0'),
    without('HANDED_OVER_NEEDS_TARGET', 'NODES=2 K0=0 SWITCHOVER=1'),
    without('HANDOVER_IS_LAST', 'NODES=2 K0=0 SWITCHOVER=1'),
    without('HANDOVER_DURABLE_FIRST', 'NODES=2 K0=0 SWITCHOVER=1'),
    without('HANDOVER_RIGHT_ENDS', 'NODES=3 K0=0 SWITCHOVER=1'),
    without('SNAPSHOT_KEEPS_COMMON', 'NODES=2 SNAPSHOTS=1'),
    without('SNAPSHOT_NOT_BACK', 'NODES=2 DEGRADE=1'),
    without('STOP_NEEDS_FULL_WORD', 'NODES=2 K0=0 STOPS=1'),
    without('LOST_LOG_NO_VOTE', 'NODES=3 SEQ=2 LOSES=1'),
    without('LOST_LOG_UNTIL_WHOLE', 'NODES=3 SEQ=2 LOSES=1'),
    without('STOPPED_STAYS_STOPPED', 'NODES=2 K0=0 STOPS=1'),
    without('LOWERED_K_NEEDS_GRANTS', 'NODES=3 SEQ=2 EPOCHS=2 LOWER=1 STOPS=1 WORD_BARS=0'),
]
