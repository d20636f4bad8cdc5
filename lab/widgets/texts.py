"""All that the widgets say, in each language.  `{name}` stands for what is filled in."""

from __future__ import annotations

from pathlib import Path

Table = dict[str, dict[str, str]]

LANGUAGES = ("en", "ko")


def table(*parts: Table) -> Table:
    """Return several tables as one."""
    return {
        language: {key: text for part in parts for key, text in part[language].items()}
        for language in LANGUAGES
    }


def language_of_lesson(folder: Path) -> str:
    """Return the language of the lessons in `folder`; empty (JupyterLab's choice) for English.

    Lessons lie in `en` and `ko`, and a notebook's kernel runs in its notebook's folder.
    """
    return folder.name if folder.name in LANGUAGES[1:] else ""


COMMON: Table = {
    "en": {
        "live": "live",
        "connecting": "connecting",
        "gone": "engine not reachable",
        "gone_help": "The picture is what was last seen. "
        "It goes on by itself when the engine answers again.",
        "not_live": "This picture is no longer live. Run the cell again.",
        "copy": "copy",
        "copied": "copied",
        "close": "close",
    },
    "ko": {
        "live": "실시간",
        "connecting": "연결하는 중",
        "gone": "엔진에 연결할 수 없습니다",
        "gone_help": "마지막으로 본 모습입니다. 엔진이 다시 응답하면 저절로 이어집니다.",
        "not_live": "이 그림은 더 이상 갱신되지 않습니다. 셀을 다시 실행하십시오.",
        "copy": "복사",
        "copied": "복사했습니다",
        "close": "닫기",
    },
}

LAYERS: Table = {
    "en": {
        "title": "Images, layers, containers",
        "stage": "Layers as they stand on each other, the base at the bottom",
        "image": "image",
        "image_nameless": "image without a name",
        "image_about": "Image {name}: {layers} read-only layers, {size} together",
        "read_only": "read-only",
        "writable": "writable",
        "layer": "layer {number}",
        "layer_about": "Layer {number} of {images}, {size}, read-only. {shared}",
        "shared": "shared by {count} images",
        "shared_names": "Shared by {names}: stored once, used by all of them",
        "elsewhere": "Other images have it too: {names}",
        "alone": "Only {names} has it",
        "no_layers": "no layers",
        "container_about": "Writable layer of container {name} ({status}): {counts}",
        "container": "container",
        "other_containers": "{count} older ones and",
        "wrote": "{changed} changed, {added} added, {deleted} deleted",
        "nothing": "nothing written yet",
        "missing": "not here yet",
        "missing_help": "{name} is not among the local images. This fetches it:",
        "more": "and {count} more images",
        "empty": "There is no image here yet. This fetches one:",
        "made_by": "made by",
        "size": "size",
        "created": "created",
        "identity": "layer",
        "image_id": "image id",
        "state": "state",
        "sharing": "sharing",
        "shared_size": "{size} of it is stored once for several images",
        "same_command": "The same in a terminal",
        "steps": "How it came about",
        "settings": "settings only, no layer",
        "files": "What this layer changes",
        "files_more": "… and {count} more",
        "files_unknown": "Not available here: which files a layer changes is something that only the "
        "lab's own engine tells.",
        "files_wait": "looking into the layer …",
        "files_none": "No files.",
        "written": "What the container has written",
        "written_help": "This layer lies on top of the image. The image below stays as it is; "
        "when the container is removed, this layer is gone.",
        "added": "added",
        "changed": "changed",
        "deleted": "deleted",
        "legend_read_only": "image layer: read-only",
        "legend_shared": "shared layer: stored once",
        "legend_writable": "container's own layer: writable",
        "pick": "Choose a layer, an image or a container to look inside.",
        "heard": "last event",
        "limited": "{name} of your own: sizes and commands are as Docker tells them. The files of a "
        "layer, and the size of what a container writes, are not available here.",
        "running": "running",
        "exited": "stopped",
        "status_created": "created",
        "paused": "paused",
        "restarting": "restarting",
        "removing": "being removed",
        "dead": "dead",
        "unknown_size": "size unknown",
        "tags": "tags",
    },
    "ko": {
        "title": "이미지, 레이어, 컨테이너",
        "stage": "쌓여 있는 레이어. 맨 아래가 베이스입니다",
        "image": "이미지",
        "image_nameless": "이름 없는 이미지",
        "image_about": "이미지 {name}: 읽기 전용 레이어 {layers}개, 모두 {size}",
        "read_only": "읽기 전용",
        "writable": "쓰기 가능",
        "layer": "레이어 {number}",
        "layer_about": "레이어 {number}, 이미지 {images}, {size}, 읽기 전용. {shared}",
        "shared": "이미지 {count}개가 공유",
        "shared_names": "공유하는 이미지: {names}. 한 번만 저장되고 모두가 함께 씁니다",
        "elsewhere": "다른 이미지도 이 레이어를 씁니다: {names}",
        "alone": "{names}에만 있습니다",
        "no_layers": "레이어 없음",
        "container_about": "컨테이너 {name}의 쓰기 가능 레이어 ({status}): {counts}",
        "container": "컨테이너",
        "other_containers": "이전 컨테이너 {count}개,",
        "wrote": "변경 {changed}, 추가 {added}, 삭제 {deleted}",
        "nothing": "아직 쓴 것이 없습니다",
        "missing": "아직 없습니다",
        "missing_help": "{name} 이미지가 로컬에 없습니다. 이 명령으로 가져옵니다:",
        "more": "그 밖의 이미지 {count}개",
        "empty": "아직 이미지가 없습니다. 이 명령으로 하나 가져옵니다:",
        "made_by": "만든 명령",
        "size": "크기",
        "created": "만든 때",
        "identity": "레이어",
        "image_id": "이미지 ID",
        "state": "상태",
        "sharing": "공유",
        "shared_size": "그중 {size}는 여러 이미지가 함께 쓰도록 한 번만 저장됩니다",
        "same_command": "터미널에서 같은 것을 보는 명령",
        "steps": "만들어진 순서",
        "settings": "설정만 있고 레이어는 없음",
        "files": "이 레이어가 바꾸는 것",
        "files_more": "… 그 밖에 {count}개",
        "files_unknown": "여기서는 볼 수 없습니다. 레이어가 어떤 파일을 바꾸는지는 "
        "이 실습 환경의 엔진만 알려 줍니다.",
        "files_wait": "레이어를 살펴보는 중 …",
        "files_none": "파일이 없습니다.",
        "written": "컨테이너가 쓴 것",
        "written_help": "이 레이어는 이미지 위에 놓입니다. 아래의 이미지는 그대로 남고, "
        "컨테이너를 삭제하면 이 레이어도 사라집니다.",
        "added": "추가",
        "changed": "변경",
        "deleted": "삭제",
        "legend_read_only": "이미지 레이어: 읽기 전용",
        "legend_shared": "공유 레이어: 한 번만 저장",
        "legend_writable": "컨테이너의 레이어: 쓰기 가능",
        "pick": "레이어, 이미지 또는 컨테이너를 골라 안을 들여다보십시오.",
        "heard": "마지막 이벤트",
        "limited": "직접 연결한 {name}입니다. 크기와 명령은 Docker가 알려 준 그대로입니다. "
        "레이어의 파일과, 컨테이너가 쓴 것의 크기는 여기서 볼 수 없습니다.",
        "running": "실행 중",
        "exited": "중지됨",
        "status_created": "생성됨",
        "paused": "일시 정지",
        "restarting": "다시 시작 중",
        "removing": "삭제 중",
        "dead": "비정상",
        "unknown_size": "크기 알 수 없음",
        "tags": "태그",
    },
}

PORTS: Table = {
    "en": {
        "open_port": "Open port {port} in a new tab",
        "port_direct": "on this computer also",
        "port_help": "The lab passes the page on from port {port} of the host.",
    },
    "ko": {
        "open_port": "포트 {port}을(를) 새 탭에서 열기",
        "port_direct": "이 컴퓨터에서는 다음 주소로도 열립니다",
        "port_help": "실습 환경이 호스트의 포트 {port}에서 페이지를 전달해 줍니다.",
    },
}
