// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The same map from C++.

#include <cmap.h>

#include <fcntl.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

using Map = std::unique_ptr<cmap, decltype(&cmap_close)>;

int main()
{
	Map map(cmap_open(nullptr, O_RDWR | O_CREAT, nullptr), cmap_close);

	if (!map) {
		std::perror("cmap_open");
		return 1;
	}

	for (const std::string word : {"to", "be", "or", "not", "to", "be"})
		cmap_add(map.get(), word.data(), word.size(), 1, 0, nullptr,
			 nullptr);

	std::printf("%jd words\n", static_cast<intmax_t>(cmap_count(map.get())));
	return cmap_count(map.get()) == 4 ? 0 : 1;
}
