// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The same map from C++.

#include <kcmap.h>

#include <fcntl.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

using Map = std::unique_ptr<kcmap, decltype(&kcmap_close)>;

int main()
{
	Map map(kcmap_open(nullptr, O_RDWR | O_CREAT, nullptr), kcmap_close);

	if (!map) {
		std::perror("kcmap_open");
		return 1;
	}

	for (const std::string word : {"to", "be", "or", "not", "to", "be"})
		kcmap_add(map.get(), word.data(), word.size(), 1, 0, nullptr,
			  nullptr);

	kcmap_info info{};
	info.sz = sizeof(info);
	if (kcmap_stat(map.get(), &info)) {
		std::perror("kcmap_stat");
		return 1;
	}
	std::printf("%ju words\n", static_cast<uintmax_t>(info.entries));
	return info.entries == 4 ? 0 : 1;
}
