"""Fit, save, load, and serve a classifier on this machine; then ask it as any program would.

python examples/serve_and_ask.py
"""

import json
import subprocess
import sys
import tempfile
import urllib.request

import minent


def main() -> None:
    sample = minent.samples.load("subjectivity")
    folder = f"{tempfile.mkdtemp()}/model"
    minent.TextClassifier(budget_seconds=5).fit(sample.train_texts, sample.train_labels).save(folder)
    texts = ["a moving , funny film", "he goes to sea"]
    labels = minent.load(folder).predict(texts).tolist()
    print(labels)

    serve = [sys.executable, "-c", "from minent.cli import main; main()", "serve", folder, "--port", "0", "--quiet"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        address = server.stdout.readline().split()[1]
        request = urllib.request.Request(
            f"{address}/predict",
            data=json.dumps({"texts": texts, "top_k": 1}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            answers = json.load(response)["predictions"]
        print(*answers, sep="\n")
        server.terminate()
    assert [answer[0]["label"] for answer in answers] == labels


if __name__ == "__main__":
    main()
