import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from simulator.spec.errors import SpecError
from simulator.workload.streams import NamedStreams
from simulator.workload.traces import Trace, TraceLengths, read_trace
from simulator.workload.traffic import Demand

DATA = os.environ.get("MULTILLM_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="MULTILLM_DATA does not name the folder of public data")
STREAMS = NamedStreams(seed=1, replication=0, prefix="chat/arrivals")

# Rows as the sources publish them: format -> (text, arrive_s, prompt_tok, output_tok).
LITERAL = {
    # AzurePublicDataset, AzureLLMInferenceTrace_conv.csv
    "azure": (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n"
        "2023-11-16 18:15:50.9951690,396,109\n"
        "2023-11-16 18:15:51.2224670,879,55\n",
        [0, 4.314579, 4.541877],
        [374, 396, 879],
        [44, 109, 55],
    ),
    # BurstGPT README, without and with failures (no response tokens)
    "burstgpt": (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,ChatGPT,472,18,490,Conversation log\n"
        "45,ChatGPT,1087,230,1317,Conversation log\n"
        "118,GPT-4,417,276,693,Conversation log\n",
        [0, 40, 113],
        [472, 1087, 417],
        [18, 230, 276],
    ),
    # Mooncake, FAST25-release/traces/conversation_trace.jsonl
    "mooncake": (
        '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]}\n'
        '{"timestamp": 27482, "input_length": 7322, "output_length": 490, "hash_ids": [0, 14]}\n',
        [0, 27.482],
        [6758, 7322],
        [500, 490],
    ),
    # Vidur, data/processed_traces/splitwise_conv.csv
    "vidur": (
        "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n4.314579,396,109\n",
        [0, 4.314579],
        [374, 396],
        [44, 109],
    ),
    # splitwise-sim, traces/test_trace.csv
    "splitwise": (
        "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n"
        "0,2,0,0.0,1,1024,128\n1,2,0,0.5,1,512,64\n",
        [0, 0.5],
        [1024, 512],
        [128, 64],
    ),
    # sarathi-serve, sharegpt_8k_filtered_stats_llama2_tokenizer.csv
    "lengths": (
        "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n74,918,992,0.0806\n290,905,1195,0.32\n",
        None,
        [74, 290],
        [918, 905],
    ),
}


def written(folder: Path, text: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("format", LITERAL)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_rows_are_read_as_published(tmp_path, format, zipped):
    text, arrive_s, prompt_tok, output_tok = LITERAL[format]
    path = tmp_path / "trace"  # no suffix: gzip is known by its first bytes
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    rows = read_trace(path, format)
    if arrive_s is None:
        assert rows.arrive_s is None
    else:
        np.testing.assert_allclose(rows.arrive_s, arrive_s, rtol=0, atol=1e-9)
    assert rows.prompt_tok.tolist() == prompt_tok
    assert rows.output_tok.tolist() == output_tok
    assert rows.failed == 0


def test_azure_2024_writes_the_time_zone(tmp_path):
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:01.509930+00:00,2399,6\n"
    )
    assert read_trace(written(tmp_path, text), "azure").arrive_s.tolist() == [0, 1.5]


def test_azure_2023_code_lengths_have_other_names(tmp_path):
    text = "ContextTokens,GeneratedTokens\n156,67\n115,390\n"
    assert read_trace(written(tmp_path, text), "lengths").output_tok.tolist() == [67, 390]


def test_a_plain_csv_says_what_its_columns_are(tmp_path):
    path = written(tmp_path, "\ufeffwhen,what,in,out\n3.5,b,20,2\n1.0,a,10,1\n\n")
    columns = {"arrive_s": "when", "prompt_tok": "in", "output_tok": "out"}
    rows = Trace(str(path), "csv", columns).draw(Demand(queries=9), STREAMS)
    assert rows.arrive_s.tolist() == [0, 2.5]
    assert rows.prompt_tok.tolist() == [10, 20]  # in order of time
    assert rows.finite


def test_failed_calls_are_left_out_and_counted_or_kept_with_one_token(tmp_path):
    text, *_ = LITERAL["burstgpt"]
    path = written(tmp_path, text + "130,ChatGPT,500,0,500,API log\n")
    dropped, kept = read_trace(path, "burstgpt"), read_trace(path, "burstgpt", failures="keep")
    assert (len(dropped.output_tok), dropped.failed) == (3, 1)
    assert (kept.output_tok.tolist(), kept.failed) == ([18, 230, 276, 1], 1)


def test_speed_and_window_are_of_the_traces_own_time(tmp_path):
    text, *_ = LITERAL["burstgpt"]
    trace = Trace(str(written(tmp_path, text)), "burstgpt", speed=2.0, start_s=10.0, until_s=113.0)
    rows = trace.draw(Demand(until_s=1e9), STREAMS)
    assert rows.arrive_s.tolist() == [15.0]  # (40 - 10) / 2; the row at 113 s is outside
    assert rows.prompt_tok.tolist() == [1087]


AZURE_HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n"


@pytest.mark.parametrize(
    ("format", "text", "says"),
    [
        ("azure", AZURE_HEAD + "yesterday,1,2\n", ":3: 'TIMESTAMP' should be a date and time (UTC), not 'yesterday'"),
        ("azure", AZURE_HEAD + ",1,2\n", ":3: 'TIMESTAMP' should be a date and time (UTC), not ''"),
        ("azure", AZURE_HEAD + "2023-11-16 18:15:47,1\n", ":3: 2 "),
        ("azure", AZURE_HEAD + "2023-11-16 18:15:47,-1,2\n", ":3: 'ContextTokens' should be a whole number, 0 or more"),
        (
            "azure",
            AZURE_HEAD + "2023-11-16 18:15:47,1.5,2\n",
            ":3: 'ContextTokens' should be a whole number, 0 or more",
        ),
        ("azure", AZURE_HEAD + "2023-11-16 18:15:47,,2\n", ":3: 'ContextTokens' should be a whole number, 0 or more"),
        ("azure", AZURE_HEAD + "2023-11-16 18:15:47,many,2\n", ":3: "),
        ("azure", "TIMESTAMP,Context,GeneratedTokens\n", "no 'ContextTokens'"),
        ("azure", "TIMESTAMP,ContextTokens,GeneratedTokens\n", "no row with prompt and answer tokens"),
        ("azure", "", ":1: "),
        ("vidur", "arrived_at,num_prefill_tokens,num_decode_tokens\ninf,1,1\n", ":2: 'arrived_at' should be a number"),
        ("mooncake", '{"timestamp": 0\n', ":1:16: not JSON"),
        ("mooncake", "[1]\n", ":1: should be a JSON object"),
        ("mooncake", "\n", "has no rows"),
        (
            "mooncake",
            '{"timestamp": 0, "input_length": 1, "output_length": 1}\n{"timestamp": 0, "input_length": 1}\n',
            ":2: no 'output_length'",
        ),
        (
            "mooncake",
            '{"timestamp": 0, "input_length": true, "output_length": 1}\n',
            ":1: ",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(tmp_path, format, text, says):
    path = written(tmp_path, text)
    with pytest.raises(SpecError) as error:
        read_trace(path, format)
    line = str(error.value)
    assert line.startswith(str(path))
    assert says in line
    assert "\n" not in line


@pytest.mark.parametrize("bytes_", [b"\x1f\x8bnot gzip", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], b"a,\xff\n"])
@pytest.mark.parametrize("format", ["azure", "mooncake"])
def test_a_file_that_cannot_be_read_is_an_error_of_the_user(tmp_path, bytes_, format):
    path = tmp_path / "trace"
    path.write_bytes(bytes_)
    with pytest.raises(SpecError, match="trace"):
        read_trace(path, format)


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        read_trace(tmp_path / "none.csv", "azure")


def test_columns_that_nothing_names_are_asked_for(tmp_path):
    with pytest.raises(ValueError, match="'columns' must say what the file calls 'arrive_s' and 'prompt_tok'"):
        Trace("any.csv", "csv", {"output_tok": "out"})
    with pytest.raises(ValueError, match="'arrive_s'"):
        Trace("any.csv", "lengths")


def test_a_file_that_changed_is_read_again(tmp_path):
    path = written(tmp_path, LITERAL["vidur"][0])
    assert len(read_trace(path, "vidur").prompt_tok) == 2
    path.write_text(LITERAL["vidur"][0] + "9.0,1,1\n")
    os.utime(path, ns=(1, 1))
    assert len(read_trace(path, "vidur").prompt_tok) == 3


def test_lengths_of_a_trace_stay_in_pairs(tmp_path):
    path = str(written(tmp_path, LITERAL["azure"][0]))
    prompt_tok, output_tok = TraceLengths(path, "azure").draw(3000, STREAMS)
    pairs, n = np.unique(np.stack([prompt_tok, output_tok]), axis=1, return_counts=True)
    assert pairs.T.tolist() == [[374, 44], [396, 109], [879, 55]]
    assert stats.chisquare(n).pvalue > 1e-3
    recorded = TraceLengths(path, "azure", order="recorded").draw(5, STREAMS)[0]
    assert recorded.tolist() == [374, 396, 879, 374, 396]


def test_mooncakes_bins_are_spread_and_finer_times_are_not(tmp_path):
    row = '{{"timestamp": {}, "input_length": {}, "output_length": 5}}\n'
    binned = written(tmp_path, "".join(row.format(3000 * (i // 50) - (i > 99), i + 1) for i in range(150)), "binned")
    rows = Trace(str(binned), "mooncake").draw(Demand(queries=1000), STREAMS)
    assert np.all(np.diff(rows.arrive_s) > 0)
    assert np.histogram(rows.arrive_s, [0, 3, 6, 9])[0].tolist() == [50, 50, 50]
    assert sorted(rows.prompt_tok[:50].tolist()) == list(range(1, 51))  # a row's lengths went with its time
    fine = written(tmp_path, "".join(row.format(i * 1234, 1) for i in range(9)), "fine")
    np.testing.assert_allclose(
        Trace(str(fine), "mooncake").draw(Demand(queries=9), STREAMS).arrive_s, 1.234 * np.arange(9)
    )


@needs_data
@pytest.mark.parametrize(
    ("file", "format", "rows", "rate_per_s", "prompt_tok", "output_tok"),
    [  # figures of the data's own description
        ("azure2023_conv.csv.gz", "azure", 19_366, 5.530, 1155, 211),
        ("mooncake_conversation.jsonl.gz", "mooncake", 12_031, 3.402, 12035, 343),
        ("sharegpt_8k_lengths.csv.gz", "lengths", 30_731, None, 2340, 439),
        ("apex_lmsys_lengths.csv.gz", "lengths", 1_024, None, 62, 162),
    ],
)
def test_public_traces_have_their_published_statistics(file, format, rows, rate_per_s, prompt_tok, output_tok):
    read = read_trace(Path(DATA) / "traces" / file, format)
    assert len(read.prompt_tok) + read.failed == rows
    assert read.prompt_tok.mean() == pytest.approx(prompt_tok, rel=0.01)
    assert read.output_tok.mean() == pytest.approx(output_tok, rel=0.01)
    if rate_per_s is not None:
        assert rows / read.arrive_s[-1] == pytest.approx(rate_per_s, rel=1e-3)


@needs_data
def test_unbinned_mooncake_gaps_are_exponential():
    trace = Trace(str(Path(DATA) / "traces" / "mooncake_conversation.jsonl.gz"), "mooncake")
    distances = []
    for seed in range(5):
        gaps_s = np.diff(trace.draw(Demand(until_s=1e9), NamedStreams(seed, 0, "moon")).arrive_s)
        distances.append(stats.kstest(gaps_s / gaps_s.mean(), "expon").statistic)
    assert np.mean(distances) == pytest.approx(0.007, abs=0.002)
